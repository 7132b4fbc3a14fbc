"""Keep the catalogues of the application's words.

python -m tools.languages               bring every catalogue up to date with the templates in the code
python -m tools.languages --check       say what is missing, stale or wrong, and have Qt compile every catalogue
python -m tools.languages --add CODE    begin the catalogue of another language, such as it or zh_TW

Qt's lupdate cannot read the calls itself: it knows neither `phrase_n` nor errors, whose templates are arguments of a
class, and it would file Python's words under the classes that they stand in. So the templates are found here and handed
to lupdate as a C++ file that only has them; it merges them into the catalogues, keeps what is translated, and offers
the old translation of a template that was reworded.
"""

from __future__ import annotations

import argparse
import ast
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from re import findall

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.core.languages import ENGLISH, LANGUAGES, catalogue, language  # noqa: E402  (the line above makes it importable)

FOLDER = ROOT / "assets" / "languages"
_CONTEXT = "CFRNet Live"
_ONE = frozenset({"tr", "phrase"})
_COUNTED = frozenset({"trn", "phrase_n"})


@dataclass(kw_only=True)
class Template:
    """Words in the code: their English text, the singular of a counted one, and the files that show them."""

    text: str
    singular: str = ""
    files: set[str] = field(default_factory=set)


def templates(root: Path = ROOT) -> dict[str, Template]:
    """Every template of the package `app` by its text. Raises ValueError for one that is no literal."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((root / "app").rglob("*.py"))}
    errors = _errors(trees.values())
    found: dict[str, Template] = {}
    for path, tree in trees.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for text, singular in _said(call, errors, path):
                found.setdefault(text, Template(text=text, singular=singular)).files.add(
                    path.relative_to(root).as_posix()
                )
    return found


def _errors(trees: Iterable[ast.Module]) -> frozenset[str]:
    """The names of AppError and everything that is one."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {"AppError"}
    while True:
        more = {each.name for each in classes if names & {base.id for base in each.bases if isinstance(base, ast.Name)}}
        if more <= names:
            return frozenset(names)
        names |= more


def _said(call: ast.Call, errors: frozenset[str], path: Path) -> Iterator[tuple[str, str]]:
    """The (text, singular) of the templates in a call."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name in _ONE and path.name != "words.py":
        yield _literal(call.args[0], path), ""
    elif name in _COUNTED and path.name != "words.py":
        yield _literal(call.args[1], path), _literal(call.args[0], path)
    elif name in errors:
        for argument in call.args[:2]:
            if isinstance(argument, ast.JoinedStr | ast.BinOp):
                raise ValueError(f"{path}:{argument.lineno}: an error takes a template and its values")
            if isinstance(argument, ast.Constant) and argument.value:
                yield str(argument.value), ""


def _literal(argument: ast.expr, path: Path) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    raise ValueError(f"{path}:{argument.lineno}: words are literals, or they cannot be translated")


def update(codes: Iterable[str]) -> None:
    """Merge the templates of the code into these catalogues."""
    lines = []
    for each in sorted(templates().values(), key=lambda template: template.text):
        where = ", ".join(sorted(each.files))
        comment = f"{where}; for one: {each.singular}" if each.singular else where
        macro = "QT_TRANSLATE_N_NOOP" if each.singular else "QT_TRANSLATE_NOOP"
        lines.append(f"//: {comment}\n{macro}({_quoted(_CONTEXT)}, {_quoted(each.text)}),")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "words.cpp"
        source.write_text("static const char *words[] = {\n" + "\n".join(lines) + "\n};\n", encoding="utf-8")
        for code in codes:
            options = ("-locations", "none", "-no-obsolete", "-source-language", "en", "-target-language", code)
            _run("lupdate", str(source), *options, "-ts", str(FOLDER / f"{code}.ts"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def faults(code: str, wanted: Mapping[str, Template]) -> list[str]:
    """What is wrong with a catalogue: each fault in one line."""
    spoken, got = language(code), catalogue(code)
    found = [f"{code}: not translated: {text!r}" for text in wanted if text not in got]
    for text, forms in got.items():
        template = wanted.get(text)
        if template is None:
            found.append(f"{code}: in no code any more: {text!r}")
            continue
        if len(forms) != (spoken.forms if template.singular else 1):
            found.append(f"{code}: {len(forms)} plural forms: {text!r}")
        found += [f"{code}: other values than {text!r}: {form!r}" for form in forms if not _fits(form, template)]
    return found


def _fits(form: str, template: Template) -> bool:
    """Whether a translation has the template's values, and its edges; one for a single thing may leave out `{n}`."""
    text = template.text
    missing, surplus = _values(text) - _values(form), _values(form) - _values(text)
    if template.singular:
        missing -= {"{n}"}
    edges = all(text.endswith(end) == form.endswith(end) for end in ("\n", " ", "…"))
    return bool(form.strip()) and not missing and not surplus and edges


def _values(text: str) -> set[str]:
    """The values of a template with their formats, those of argparse's own `%` too."""
    named = {
        f"{{{name}:{spec}}}" if spec else f"{{{name}}}" for _, name, spec, _ in string.Formatter().parse(text) if name
    }
    return named | set(findall(r"%\(\w+\)[sr]|%[sr]", text))


def check(codes: Iterable[str]) -> list[str]:
    """Every fault of these catalogues; Qt's lrelease has to take them without a warning too."""
    wanted = templates()
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for code in codes:
            found += faults(code, wanted)
            path = FOLDER / f"{code}.ts"
            if path.is_file():
                said = _run("lrelease", "-silent", str(path), "-qm", str(Path(scratch) / f"{code}.qm"))
                found += [f"{code}: {line}" for line in said.splitlines() if line.strip()]
    return found


def _run(tool: str, *arguments: str) -> str:
    """Run one of Qt's tools and return what it says. Raises CalledProcessError."""
    command = str(Path(sys.executable).with_name(f"pyside6-{tool}"))
    done = subprocess.run(
        [command, *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, and fail where anything is wrong")
    parser.add_argument("--add", metavar="CODE", help="begin a catalogue")
    options = parser.parse_args()
    codes = [options.add] if options.add else [each.code for each in LANGUAGES if each is not ENGLISH]
    if not options.check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        update(codes)
        catalogue.cache_clear()
    found = check(codes)
    print("\n".join(found) or f"{len(templates())} templates, complete in {len(codes)} languages")
    return 1 if found and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
