"""Returning memory to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
import psutil
from app.core.memory import return_free_memory

def resident():
    return psutil.Process().memory_info().rss

blocks = [bytearray(60_000) for _ in range(2000)]  # too small to be mapped by themselves
kept = blocks[-1]
full = resident()
del blocks
if "return" in sys.argv:
    return_free_memory()
print(full - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to return memory")
def test_freed_memory_below_what_is_used_goes_back_to_the_system() -> None:
    def freed(*words: str) -> int:
        command = [sys.executable, "-c", PROGRAM, *words]
        return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert freed() < 20_000_000
    assert freed("return") > 100_000_000
