"""The licences of what a Linux package takes from the system that it is built on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.system_licences import add_system_licences, owners

pytestmark = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian and no Ubuntu")


def test_a_library_of_the_system_is_named_with_its_package_and_its_licence(tmp_path: Path) -> None:
    folder, licences = tmp_path / "program", tmp_path / "licences"
    folder.mkdir()
    licences.mkdir()
    (licences / "SOURCES.md").write_text("# Sources\n", encoding="utf-8")
    for name in ("libz.so.1", "libof-no-package.so.1", "libpython3.11.so.1.0"):
        (folder / name).write_bytes(b"")
    add_system_licences(folder, licences)
    page = (licences / "SOURCES.md").read_text(encoding="utf-8")
    assert page.startswith("# Sources\n")
    assert "libz.so.1 |" in page
    assert "libof-no-package" not in page
    assert "libpython" not in page, "Python comes from elsewhere"
    (package,) = owners(["libz.so.1"])
    assert (licences / "system" / f"{package.partition(':')[0]}.txt").stat().st_size > 500


def test_nothing_has_no_owner() -> None:
    assert owners([]) == owners(["libof-no-package.so.1"]) == {}
