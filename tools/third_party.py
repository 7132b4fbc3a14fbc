"""Lists the packages that the application runs on, with their licences, in THIRD_PARTY.md.

    python tools/third_party.py            write THIRD_PARTY.md from the packages of requirements.txt
    python tools/third_party.py --check    fail when it is not up to date

`tools/package.py` puts the licence texts into every installer, with a page that says where the sources are
(`write_licences`).
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
**An installer as a whole is passed on under the GNU GPL version 3**, because it contains x264: the folder `licences` in
it has that text, those of the packages, and `SOURCES.md`, which says where the source of every part is. What pip
installs is not an installer: every package comes under its own licence. This page is written by `tools/third_party.py`.

| package | version | licence |
|---|---|---|
"""

_NOTES = """
What these packages bring along:

- **Qt** (in PySide6-Essentials) is used under the LGPL v3, as shared libraries that you may replace.
- **FFmpeg** (in av) is under the LGPL v3 and linked with **x264 and x265, which are under the GPL v2 or later**. x264
  encodes recordings and restored videos. x265 is not used: the Linux package does not contain it, those for macOS and
  Windows do. The FFmpeg in opencv-python is under the LGPL; the Linux package has OpenCV without it.
- **OpenCV** has the fonts WenQuanYi Micro Hei, under the Apache licence 2.0 or the GPL v3 with the font exception, and
  Rubik, under the SIL Open Font License, inside.
- **pyobjc-core** and the **pyobjc-framework** packages, under the MIT licence, are installed on macOS only.
- **pyvirtualcam** is under the GPL v2 and an option of whoever installs it; no installer contains it.
- **The models** are data beside the program and have licences of their own, in `models/manifest.json`: non-commercial
  research for the detector, research use for the restoring networks.
"""

_SOURCES = """\
# Where the sources are

This package as a whole is under the GNU GPL version 3 (GPL-3.0.txt): its FFmpeg is linked with x264. You may get the
source of every part, change it and pass it on.

- **CFRNet Live {version}**, with the scripts that built this package: the source archive of the same release.
- **FFmpeg {ffmpeg}**: https://ffmpeg.org/releases/, built by https://github.com/PyAV-Org/pyav-ffmpeg with
  **x264**: https://code.videolan.org/videolan/x264{x265}. The release has copies of them.
- **Qt**: https://code.qt.io, under the LGPL version 3 (LGPL-3.0.txt). Its libraries are files of their own, which you
  may replace.
- The packages below: the source distribution of the same version on the Python Package Index, or the address given.

| package | version | licence | source |
|---|---|---|---|
"""

_X265 = " and **x265**, which is not used: https://bitbucket.org/multicoreware/x265_git"

_SOURCE_LABELS = ("source", "source code", "repository", "code", "github", "homepage", "home")


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


def source_of(package: Distribution) -> str:
    """The address that a package states for its source, else its home page."""
    urls: dict[str, str] = {}
    for text in package.metadata.get_all("Project-URL") or []:
        label, _, url = text.partition(", ")
        urls.setdefault(label.lower(), url)
    found = next((urls[label] for label in _SOURCE_LABELS if label in urls), "")
    return found or str((package.metadata.get_all("Home-page") or [""])[0])


def sources_page(version: str, ffmpeg: str, names: list[str], *, x265: bool) -> str:
    """SOURCES.md of an installer of the application's `version` with the packages `names`, with or without x265."""
    rows = []
    for name in names:
        package = distribution(name)
        stated = f"{package.metadata['Name']} | {package.version} | {licence_of(package)}"
        rows.append(f"| {stated} | {source_of(package)} |\n")
    return _SOURCES.format(version=version, ffmpeg=ffmpeg, x265=_X265 if x265 else "") + "".join(rows)


def write_licences(target: Path, names: list[str], *, version: str, ffmpeg: str, x265: bool) -> None:
    """Fill `target` for an installer: the licence texts of the packages, those of GPL and LGPL, and SOURCES.md."""
    for name in names:
        for number, text in enumerate(licence_texts(distribution(name))):
            folder = target / name
            folder.mkdir(parents=True, exist_ok=True)
            place = folder / text.name
            shutil.copyfile(text, place if not place.exists() else folder / f"{number}-{text.name}")
    for text in sorted((ROOT / "tools" / "licences").glob("*.txt")):
        shutil.copyfile(text, target / text.name)
    (target / "SOURCES.md").write_text(sources_page(version, ffmpeg, names, x265=x265), encoding="utf-8")


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
