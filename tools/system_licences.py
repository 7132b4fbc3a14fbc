"""Adds to a Linux package the licences of the libraries that came from the system it was built on.

PyInstaller copies them in; Debian and Ubuntu keep one file for each package in /usr/share/doc/. Python's own licence is
added too. On other systems Python's is the only one that is found, and a line says so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_HEAD = """
These libraries came from the system that this package was built on; `apt source NAME=VERSION` brings their source, the
folder `system` has their licences:

| package | version | files |
|---|---|---|
"""


def add_system_licences(folder: Path, licences: Path, *, documents: Path = Path("/usr/share/doc")) -> None:
    """Copy into `licences`/system the texts for the libraries in `folder` and name their packages in SOURCES.md."""
    target = licences / "system"
    target.mkdir(parents=True, exist_ok=True)
    for text in Path(sys.base_prefix).glob("lib/python3.*/LICENSE.txt"):
        shutil.copyfile(text, target / "Python.txt")
    if shutil.which("dpkg-query") is None:
        print("the licences of the system's libraries are not added: dpkg-query is not on the PATH", file=sys.stderr)
        return
    rows = []
    names_here = (path.name for path in folder.glob("lib*.so*"))
    for package, names in owners(sorted(each for each in names_here if not each.startswith("libpython"))).items():
        text = documents / package.partition(":")[0] / "copyright"
        if text.is_file():
            shutil.copyfile(text, target / f"{package.partition(':')[0]}.txt")
        rows.append(f"| {package} | {_version(package)} | {', '.join(names)} |\n")
    with (licences / "SOURCES.md").open("a", encoding="utf-8") as page:
        page.write(_HEAD + "".join(rows))


def owners(names: list[str]) -> dict[str, list[str]]:
    """Return the installed Debian packages that have libraries of these `names`, by package; others are left out."""
    found: dict[str, list[str]] = {}
    words = ["dpkg-query", "--search", *(f"*/{name}" for name in names)]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines() if names else []
    for line in lines:
        package, _, path = line.rpartition(": ")
        if Path(path).parent.name.endswith("-linux-gnu") and package and Path(path).name in names:
            found.setdefault(package.split(",")[0], []).append(Path(path).name)
    return dict(sorted(found.items()))


def _version(package: str) -> str:
    words = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
