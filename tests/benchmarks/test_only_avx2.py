"""What a benchmark is not meant to see, it does not see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "only_avx2.py"
FOUND = "import numpy; numpy.show_runtime()"
RESTORED = """
import hashlib
from tests.vision import portrait, restorer
print(hashlib.sha256(restorer().restore(portrait()[:256, 96:352].copy(), k=3).image).hexdigest())
"""


def test_libraries_choose_as_on_a_plain_avx2_machine() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "-c", FOUND], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(f"CPUID cannot be hidden here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    found, missing = done.stdout.split("'not_found'")
    assert "X86_V3" in found  # NumPy's name for AVX2 and its company
    assert "X86_V4" in missing  # for AVX-512


def test_int8_gives_the_same_picture_without_vnni() -> None:
    """Weights of seven bits keep the 16-bit sums of AVX2 from saturating, so nobody's processor costs them quality."""
    command = [sys.executable, "-c", RESTORED]
    here = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    there = subprocess.run([command[0], SCRIPT, *command[1:]], capture_output=True, text=True, check=False, cwd=ROOT)
    if there.returncode == 3:
        pytest.skip(f"CPUID cannot be hidden here: {there.stderr.strip()}")
    assert there.stdout.split()[-1] == here.stdout.strip(), there.stderr


def test_without_a_command_it_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cycle.py" in done.stdout
