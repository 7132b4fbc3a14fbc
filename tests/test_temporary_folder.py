"""The check at the end of a run of the tests: nothing is left in the temporary folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("leaves", [True, False])
def test_a_run_that_leaves_a_file_fails_and_names_it(tmp_path: Path, leaves: bool, processes: int) -> None:
    test = tmp_path / "test_leaving.py"
    test.write_text(
        "import pathlib, tempfile\n"
        "def test_leaving(tmp_path):\n"
        "    (tmp_path / 'own').touch()\n"
        f"    {leaves} and (pathlib.Path(tempfile.gettempdir()) / 'forgotten.txt').touch()\n"
    )
    words = (
        "-q",
        f"--numprocesses={processes}",
        "-p",
        "tests.conftest",
        "-c",
        str(tmp_path / "none.ini"),
        "--rootdir",
        str(tmp_path),
    )
    (tmp_path / "none.ini").touch()
    done = subprocess.run([sys.executable, "-m", "pytest", *words, str(test)], cwd=ROOT, capture_output=True, text=True)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == (1 if leaves else 0), done.stdout
    named = [line for line in done.stdout.splitlines() if line.startswith("left in the temporary folder:")]
    assert [line.endswith("forgotten.txt") for line in named] == [True] * leaves
