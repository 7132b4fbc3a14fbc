"""What a built package is refused for; `tools/check_package.py` itself runs on a package alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.check_package import expect_licences, expect_small
from tools.package import GOAL_MB


def write_sparse(path: Path, megabytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, megabytes * 1_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="the goal holds for packages of Linux")
def test_a_package_as_large_as_the_goal_is_refused(tmp_path: Path) -> None:
    assert GOAL_MB == 300
    write_sparse(tmp_path / "_internal" / "library.so", 200)
    write_sparse(tmp_path / "cfrnet-live", 99)
    assert expect_small(tmp_path) == 299
    write_sparse(tmp_path / "cfrnet-live", 100)
    with pytest.raises(SystemExit, match="300 MB is the goal"):
        expect_small(tmp_path)


def test_a_package_without_licences_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "cfrnet-live"
    licences = tmp_path / "_internal" / "licences"
    licences.mkdir(parents=True)
    (licences / "GPL-3.0.txt").touch()
    with pytest.raises(SystemExit):
        expect_licences(program)
    (licences / "SOURCES.md").touch()
    expect_licences(program)
