"""Every catalogue is complete, and no word that a person sees goes past it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from app.core.languages import ENGLISH, LANGUAGES
from tools.languages import ROOT, Template, check, faults, templates

CODES = [each.code for each in LANGUAGES if each is not ENGLISH]

# Words in literals of the window and the command line that are the same in every language, or that nobody is shown.
NAMES = {
    "CFRNet Live",  # the name of the program
    "Fusion",  # Qt's style
    "Left", "Right", "Space",  # keys, as Qt reads them
    "python main.py",  # what is typed
    "stderr is closed",  # caught by tqdm
}  # fmt: skip
ENGLISH_ON_PURPOSE = {
    "app/ui/dialogs/diagnostics.py",  # a bug report, for those who read it
    "app/ui/flows/help.py",  # its facts
    "app/ui/settings_store.py",  # keys of the settings' file
    "app/ui/style/theme.py",  # the style sheet
}
SAYING = {"tr", "trn", "phrase", "phrase_n"}
LOOKS_LIKE_WORDS = re.compile(r"[A-Za-z]{3,} [A-Za-z]|^[A-Z][a-z]{2,}$|[a-z](…|\.)$")


def test_every_catalogue_is_complete_and_compiled_by_qt() -> None:
    assert check(CODES) == []


def test_what_is_missing_and_what_is_stale_is_found() -> None:
    wanted = templates()
    del wanted["Close"]
    wanted["Words that no catalogue has"] = Template(text="Words that no catalogue has")
    assert faults("de", wanted) == [
        "de: not translated: 'Words that no catalogue has'",
        "de: in no code any more: 'Close'",
    ]


def test_a_template_with_other_values_is_found() -> None:
    wanted = templates()
    wanted["{path} is empty."].text = "{file} is empty."
    assert any("other values" in each for each in faults("de", wanted))


def test_no_word_of_the_window_and_the_command_line_goes_past_the_catalogue() -> None:
    found = []
    for path in sorted([*(ROOT / "app" / "ui").rglob("*.py"), *(ROOT / "app" / "cli").rglob("*.py")]):
        if path.relative_to(ROOT).as_posix() not in ENGLISH_ON_PURPOSE:
            found += [f"{path.relative_to(ROOT)}:{line}: {text!r}" for line, text in unsaid(path)]
    assert found == [], "wrap these in tr or phrase, or name them above with the reason"


def unsaid(path: Path) -> list[tuple[int, str]]:
    """The literals of a file that look like words and are not said through the catalogue: (line, text)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if said(call):
            passed |= {id(each) for argument in call.args for each in ast.walk(argument)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in passed
        and node.value.strip() not in NAMES
        and LOOKS_LIKE_WORDS.search(node.value)
        and not is_command(node.value)
    ]


def said(call: ast.Call) -> bool:
    """Whether the literals of a call go through the catalogue, as an error's do, or to the log."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in ("debug", "info", "warning", "exception") or ast.unparse(call.func) == "_log.error"
    return name in SAYING or name.endswith("Error")


def is_command(text: str) -> bool:
    """What a person types is the same in every language."""
    return text.startswith(("restore ", "bench ", "live ", "--")) or "<span" in text
