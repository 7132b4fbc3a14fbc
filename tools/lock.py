"""Write the lock files: every pinned package, and what it pulls in, with the SHA-256 of its files on every platform.

    python -m tools.lock

Run it in the environment of `bootstrap.py test` after changing a requirements file. It asks pip for compatible versions
and the package index for the hashes; `bootstrap.py` then installs nothing whose hash is not in the lock.

torch is left out: the right build depends on the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"requirements.lock": "requirements.txt", "requirements-dev.lock": "requirements-dev.txt"}
UNLOCKED = frozenset({"torch"})

_PLATFORMS = (("linux", "Linux", "posix"), ("win32", "Windows", "nt"), ("darwin", "Darwin", "posix"))
_OLD_PYTHONS = ("cp36", "cp37", "cp38", "cp39", "cp310", "pp")
_HERE: dict[str, str] = {name: str(value) for name, value in default_environment().items()}
_HEADER = "# Made by `python -m tools.lock` from {source}; not to be edited.\n"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One package in one version: `marker` says where it is needed, `sha256` is of the file that pip chose here.

    `extras` are those that other packages ask of it. Without them in its line, pip takes a newer version of the package
    for an unpinned one and refuses to install any.
    """

    name: str
    version: str
    extras: tuple[str, ...] = ()
    sha256: str = ""
    marker: str = ""


def main() -> int:
    index = _index_address()
    locked: set[str] = set()
    for lock, source in LOCKS.items():
        found = [*resolve(ROOT / source), *for_other_platforms(ROOT / source)]
        pins = [pin for pin in found if pin.name not in UNLOCKED | locked]
        locked |= {pin.name for pin in pins}
        missing = list(_missing_elsewhere(locked))
        if missing:
            print("\n".join(missing), file=sys.stderr)
            return 1
        lines = [_HEADER.format(source=source)]
        for pin in sorted(pins, key=lambda pin: pin.name):
            hashes = sorted({pin.sha256, *hashes_of(pin, index)} - {""})
            name = pin.name + (f"[{','.join(pin.extras)}]" if pin.extras else "")
            words = [f"{name}=={pin.version}{pin.marker}", *(f"    --hash=sha256:{each}" for each in hashes)]
            lines.append(" \\\n".join(words))
        (ROOT / lock).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{lock}: {len(pins)} packages")
    return 0


def resolve(requirements: Path) -> list[Pin]:
    """Return what pip would install for a requirements file into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *words, "-r", str(requirements)], check=True)
        installed: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    extras = _extras_asked_for(each["metadata"] for each in installed)
    return [
        Pin(
            name=canonicalize_name(each["metadata"]["name"]),
            version=each["metadata"]["version"],
            extras=tuple(sorted(extras[canonicalize_name(each["metadata"]["name"])])),
            sha256=each["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for each in installed
    ]


def _extras_asked_for(packages: Iterable[dict[str, Any]]) -> Mapping[str, set[str]]:
    """Return the extras that packages, given by their metadata, ask of each other here, by the name that is asked."""
    extras: defaultdict[str, set[str]] = defaultdict(set)
    for package in packages:
        for text in package.get("requires_dist", ()):
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({**_HERE, "extra": ""}):
                extras[canonicalize_name(needed.name)] |= needed.extras
    return extras


def for_other_platforms(requirements: Path) -> Iterator[Pin]:
    """Return the pins for other platforms of a requirements file and of those that it includes."""
    for line in requirements.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from for_other_platforms(requirements.parent / text[3:].strip())
        elif ";" in text:
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate():
                version = str(needed.specifier).removeprefix("==")
                yield Pin(name=canonicalize_name(needed.name), version=version, marker=f"; {needed.marker}")


def hashes_of(pin: Pin, index: str) -> Iterator[str]:
    """Return the hashes of the files of `pin` that a supported Python may install, from the index (PEP 691)."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    with urllib.request.urlopen(urllib.request.Request(f"{index}/{pin.name}/", headers=headers), timeout=60) as answer:
        files = json.load(answer)["files"]
    for file in files:
        if _is_file_of(pin, file["filename"]) and "sha256" in file["hashes"]:
            yield file["hashes"]["sha256"]


def _is_file_of(pin: Pin, name: str) -> bool:
    try:
        if not name.endswith(".whl"):
            return str(parse_sdist_filename(name)[1]) == pin.version
        _, version, _, tags = parse_wheel_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return False
    old = all(tag.interpreter in _OLD_PYTHONS and tag.abi != "abi3" for tag in tags)
    return str(version) == pin.version and not old


def _missing_elsewhere(locked: Iterable[str]) -> Iterator[str]:
    """Return what locked packages need on other platforms and no requirements file pins."""
    known = set(locked) | UNLOCKED
    for distribution in metadata.distributions():
        if canonicalize_name(distribution.name) not in known:
            continue
        for text in distribution.requires or ():
            needed = Requirement(text)
            if canonicalize_name(needed.name) in known or needed.marker is None:
                continue
            for system, platform_system, os_name in _PLATFORMS:
                there = {"sys_platform": system, "platform_system": platform_system, "os_name": os_name, "extra": ""}
                if needed.marker.evaluate({**_HERE, **there}):
                    yield f"{distribution.name} needs {needed.name} on {platform_system}: pin it as well"


def _index_address() -> str:
    """Return the address of the package index that pip uses."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    return (asked.stdout.strip() or "https://pypi.org/simple").rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
