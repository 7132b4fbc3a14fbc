"""Wheels from source: built once, kept, and never taken from a build that failed. pip and the compiler are real."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.from_source import Recipe, built_wheel

SETUP = "import os, setuptools\nsetuptools.setup(name='tiny', version='1.0', py_modules=[os.environ['MODULE']])\n"


def prepare(source: Path) -> Mapping[str, str]:
    (source / "module.py").write_text("")
    return {"MODULE": "module"}


RECIPE = Recipe(package="tiny", version="1.0", flags=("-Dsmall=true",), prepare=prepare)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes source from instead of asking the network."""
    folder, source = tmp_path / "index", tmp_path / "tiny-1.0"
    folder.mkdir()
    source.mkdir()
    (source / "setup.py").write_text(SETUP)
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    with tarfile.open(folder / "tiny-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, source.name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # which is how pip spells: without isolation
    monkeypatch.setenv("MODULE", "setup")  # for the look at its metadata while it is downloaded
    return folder


def test_a_wheel_is_built_once(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    wheel = built_wheel(RECIPE, Path(sys.executable), cache)
    assert wheel.suffix == ".whl"
    assert sorted(path.name for path in cache.iterdir()) == [wheel.parent.name, f"{wheel.parent.name}.log"]

    (index / "tiny-1.0.tar.gz").unlink()  # it could not be built again
    assert built_wheel(RECIPE, Path(sys.executable), cache) == wheel


def test_source_that_needs_no_change_is_built_as_it_comes(index: Path, tmp_path: Path) -> None:
    wheel = built_wheel(dataclasses.replace(RECIPE, prepare=None), Path(sys.executable), tmp_path / "cache")
    with zipfile.ZipFile(wheel) as archive:
        assert "setup.py" in archive.namelist()


def test_other_flags_are_another_wheel(index: Path, tmp_path: Path) -> None:
    other = dataclasses.replace(RECIPE, flags=("-Dsmall=false",))
    assert built_wheel(RECIPE, Path(sys.executable), tmp_path) != built_wheel(other, Path(sys.executable), tmp_path)


def test_a_build_that_failed_leaves_nothing_that_is_used(index: Path, tmp_path: Path) -> None:
    def spoil(source: Path) -> Mapping[str, str]:
        (source / "setup.py").write_text("raise SystemExit(1)")
        return {}

    spoiled = dataclasses.replace(RECIPE, prepare=spoil)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            built_wheel(spoiled, Path(sys.executable), tmp_path / "cache")
    assert built_wheel(RECIPE, Path(sys.executable), tmp_path / "cache").is_file()
