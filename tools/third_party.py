"""Lists the packages that the application runs on, with their licences, in THIRD_PARTY.md.

    python tools/third_party.py            write THIRD_PARTY.md from the packages of requirements.txt
    python tools/third_party.py --check    fail when it is not up to date

The licence texts themselves come from the installed packages: `tools/package.py` puts them into every installer.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "THIRD_PARTY.md"

_TEXT_NAMES = ("LICEN", "COPYING", "NOTICE", "COPYRIGHT")
_LONGEST_LICENCE = 60

_HEAD = """\
# Third-party software

CFRNet Live itself is under the MIT licence (LICENSE). It runs on the packages below, which keep their own licences.
The texts lie in the folder `licences` of every installer, and in the packages themselves where pip installed them.
This page is written by `tools/third_party.py`.

| package | version | licence |
|---|---|---|
"""

_NOTES = """
What these packages bring along:

- **Qt** (in PySide6-Essentials) is used under the LGPL v3, as shared libraries that you may replace.
- **FFmpeg** (in av) is built with **x264 and x265, which are under the GPL**: an installer that contains them may only
  be passed on under the GPL's terms. The FFmpeg in opencv-python is under the LGPL.
- **pyobjc-core** and the **pyobjc-framework** packages, under the MIT licence, are installed on macOS only.
- **pyvirtualcam** is under the GPL v2 and an option of whoever installs it; no installer contains it.
- **The models** have licences of their own, in `models/manifest.json`: non-commercial research for the detector,
  research use for the restoring networks.
"""


def pinned(requirements: Path, *, everywhere: bool = False) -> list[str]:
    """The names of the packages that a requirements file pins for this system, or only those for every system."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.partition("  #")[0]) for line in lines if re.match(r"[\w.-]+==", line)]
    wanted = (r for r in found if r.marker is None or (not everywhere and r.marker.evaluate()))
    return sorted((r.name for r in wanted), key=str.lower)


def licence_of(package: Distribution) -> str:
    """The licence as the package states it, in one line: SPDX expression, short text, or classifiers."""
    metadata = package.metadata
    if expression := metadata.get_all("License-Expression"):
        return str(expression[0])
    stated = " ".join(" ".join(metadata.get_all("License") or []).split())
    if stated and len(stated) <= _LONGEST_LICENCE:
        return stated
    classifiers = metadata.get_all("Classifier") or []
    names = [text.split(" :: ")[-1] for text in classifiers if text.startswith("License ::")]
    return ", ".join(dict.fromkeys(names)) or (stated[: _LONGEST_LICENCE - 1] + "…" if stated else "see its text")


def licence_texts(package: Distribution) -> list[Path]:
    """The files of an installed package that hold its licence or its notices."""
    files = [file for file in package.files or () if file.name.upper().startswith(_TEXT_NAMES)]
    return [Path(str(package.locate_file(file))) for file in files if not file.name.endswith(".py")]


def page(requirements: Path = ROOT / "requirements.txt") -> str:
    """THIRD_PARTY.md for the packages that every system installs; the notes name the others."""
    rows = []
    for name in pinned(requirements, everywhere=True):
        package = distribution(name)
        rows.append(f"| {package.metadata['Name']} | {package.version} | {licence_of(package)} |\n")
    return _HEAD + "".join(rows) + _NOTES


def copy_texts(target: Path, names: list[str]) -> int:
    """Copy the licence texts of the packages into a folder each under `target`; returns how many there are."""
    count = 0
    for name in names:
        for number, text in enumerate(licence_texts(distribution(name))):
            folder = target / name
            folder.mkdir(parents=True, exist_ok=True)
            place = folder / text.name
            shutil.copyfile(text, place if not place.exists() else folder / f"{number}-{text.name}")
            count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail when THIRD_PARTY.md is not up to date")
    wanted = page()
    if not parser.parse_args().check:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        print("THIRD_PARTY.md is not up to date: run python tools/third_party.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
