"""The places of data files: the models, the demo clip, the icons."""

from __future__ import annotations

import re
from pathlib import Path

_THIRD_PARTY = "THIRD_PARTY.md"
_PACKAGE = Path(__file__).resolve().parents[1]


def resource_folder(name: str) -> Path:
    """Return the folder `name`: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def third_party_packages() -> tuple[tuple[str, str], ...]:
    """Return the packages that the application uses as (name and version, licence); none without their list."""
    installed = _PACKAGE / "data" / "licences" / _THIRD_PARTY
    page = installed if installed.is_file() else _PACKAGE.parent / _THIRD_PARTY
    if not page.is_file():
        return ()
    rows = re.findall(r"^\| (\S+) \| (\d\S*) \| (.+) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return tuple((f"{name} {version}", licence) for name, version, licence in rows)
