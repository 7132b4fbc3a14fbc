"""The rules of the house: what lives where is said, no room is crowded, every room has its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(
    init.parent.relative_to(ROOT).as_posix()
    for top in ("app", "training")
    for init in (ROOT / top).rglob("__init__.py")
)
MOST_MODULES = 13
MOST_LINES = 450


def modules_of(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_there_and_is_not_crowded(room: str) -> None:
    said = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert len(said.splitlines()[0]) < 120
    assert len(modules_of(room)) <= MOST_MODULES
    long = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules_of(room)}
    assert not [f"{name}: {lines} lines" for name, lines in long.items() if lines > MOST_LINES]


@pytest.mark.parametrize("room", [room for room in ROOMS if room.count("/") == 1 and room.startswith("app/")])
def test_a_room_of_the_application_has_its_tests(room: str) -> None:
    assert list((ROOT / "tests" / room.removeprefix("app/")).rglob("test_*.py"))


def test_every_public_thing_of_the_application_says_what_it_is() -> None:
    """Modules, public functions and classes; protocols may say it method by method."""
    silent = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name != "__init__.py" and not ast.get_docstring(tree):
            silent.append(str(path))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                protocol = isinstance(node, ast.ClassDef) and any("Protocol" in ast.dump(base) for base in node.bases)
                if not ast.get_docstring(node) and not protocol:
                    silent.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert silent == []


def test_what_a_kind_of_source_can_do_is_asked_of_its_descriptor() -> None:
    """No module outside `app/sources` may compare kinds by name: see docs/adding-a-source.md."""
    elsewhere = [path for path in (ROOT / "app").rglob("*.py") if not path.is_relative_to(ROOT / "app" / "sources")]
    compared = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in elsewhere
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and ".kind.name" in ast.unparse(node.left)
    ]
    assert compared == []


def test_every_path_that_a_page_names_is_there() -> None:
    """The pages on adding something name files that do not exist yet."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "models" / "README.md"]
    path = re.compile(r"`((?:app|training|tests|benchmarks|tools|models|assets|docs)/[\w/.-]*\w)`")
    missing = []
    for page in pages:
        for name in path.findall(page.read_text(encoding="utf-8")):
            example = page.name.startswith("adding-") or "NAME" in name
            if not example and not any((start / name).exists() for start in (ROOT, page.parent)):
                missing.append(f"{page.relative_to(ROOT)}: {name}")
    assert missing == []
