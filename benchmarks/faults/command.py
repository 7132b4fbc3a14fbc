"""One command line in a process of its own: what it answered, what it left, and the most memory that it took."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300

# A small process in between: what is forked from a large one begins with the peak of that one.
_MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
_UNEXPECTED = ("Traceback", "something unexpected", "unexpected error", "Fatal Python error", "Segmentation fault")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command answered.

    `document` is what `--json` printed, {} without. `surprises` are lines that tell of an exception, `left` the files
    in its temporary folder, `peak_bytes` the peak of its largest process.
    """

    code: int
    said: str
    document: dict[str, Any]
    surprises: list[str]
    left: list[str]
    peak_bytes: int


def run_command(words: Sequence[object], place: Path, *, program: Sequence[str] = ("main.py",)) -> Answer:
    """Run Python with `program` and `words`; home, temporary folder and log are inside of `place`. POSIX only."""
    home, temporary, log = (place / name for name in ("home", "temporary", "log"))
    for folder in (home, temporary, log):
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "CFRNET_LIVE_MAX_MEGAPIXELS")}
    peak = place / "peak"
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _MEASURE, str(peak), sys.executable, *program, *map(str, words)],
        cwd=ROOT,
        env={
            **kept,
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "CFRNET_LIVE_LOG_FOLDER": str(log),
            "LC_ALL": "C.UTF-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    surprises = []
    try:
        out, said = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, said = process.communicate()
        surprises.append(f"it did not end within {TIMEOUT_S} s")
    written = "".join(path.read_text(encoding="utf-8", errors="replace") for path in log.iterdir())
    lines = [*said.splitlines(), *written.splitlines()]
    for path in log.iterdir():
        path.unlink()
    return Answer(
        code=process.returncode,
        said=said,
        document=json.loads(out) if out.startswith("{") else {},
        surprises=surprises + [line for line in lines if any(each in line for each in _UNEXPECTED)],
        left=sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*")),
        peak_bytes=(int(peak.read_text()) if peak.exists() else 0) * (1 if sys.platform == "darwin" else 1024),
    )
