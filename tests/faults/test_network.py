"""Nothing leaves this machine: every command under `strace`, with a home in which nothing was remembered."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "demo.mp4"

_LOCAL = re.compile(r"AF_UNIX|AF_LOCAL|AF_NETLINK|sin_addr=inet_addr\(\"127\.|::1|sa_family=AF_UNSPEC")
_LOOKUP = re.compile(r"resolv\.conf|/etc/hosts|nscd|sin_port=htons\(53\)")
_FOREIGN = re.compile(r"microsoft|telemetry|deviceid|analytics", re.IGNORECASE)


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def traced(home: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python with these words under `strace`; at the end its calls and its home are looked through."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        kept = ("PATH", "DISPLAY", "QT_QPA_PLATFORM", "LANG")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        calls = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network,open,openat", "-e", "signal=none"]
        process = subprocess.Popen(
            [*calls, "-o", str(trace), sys.executable, *map(str, words)],
            cwd=ROOT,
            env={**environment, "HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        assert process.stderr is not None
        process.stderr.close()
        process.wait(timeout=60)
    text = trace.read_text(errors="replace")
    if "ptrace" in text and "Operation not permitted" in text:
        pytest.skip("strace may not trace here")
    calls = text.splitlines()
    assert len(calls) > 50
    sent = [
        line for line in calls if re.search(r"\b(connect|sendto|sendmsg|sendmmsg|bind)\(", line) and "sa_family" in line
    ]
    assert [line for line in sent if not _LOCAL.search(line)] == []
    assert [line for line in calls if _LOOKUP.search(line)] == []
    assert [str(path) for path in home.rglob("*") if _FOREIGN.search(str(path.relative_to(home)))] == []


Traced = Callable[..., subprocess.Popen[str]]


def child_of(process: subprocess.Popen[str]) -> int:
    """The process that strace started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def wait_for(process: subprocess.Popen[str], wanted: str) -> None:
    """Read what `process` says until a line holds `wanted`."""
    assert process.stderr is not None
    for line in process.stderr:
        if wanted in line:
            return
    raise AssertionError(f"it ended without {wanted!r}")


def test_restore(traced: Traced, tmp_path: Path) -> None:
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    assert cv2.imwrite(str(tmp_path / "old.png"), picture)
    process = traced("main.py", "restore", tmp_path / "old.png", tmp_path / "new.png", "--k", 1)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_models(traced: Traced) -> None:
    process = traced("main.py", "models")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_bench(traced: Traced) -> None:
    process = traced("main.py", "bench")
    wait_for(process, "about half a minute")
    wait_for(process, "\n")
    os.kill(child_of(process), signal.SIGINT)


def test_window(traced: Traced, display: str, home: Path) -> None:
    process = traced("main.py", "--source", DEMO, "--no-record-sound")
    log = home / ".local" / "state" / "cfrnet-live" / "cfrnet-live.log"
    while process.poll() is None and not (log.exists() and "first restored picture" in log.read_text()):
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode is None
    os.kill(child_of(process), signal.SIGTERM)


def test_training_benchmarks_and_every_library(traced: Traced) -> None:
    ours = "benchmarks.cycle, training.shipping.quantize, training.train"
    libraries = "av, cv2, insightface.model_zoo, matplotlib.pyplot, onnx, PySide6.QtWidgets, pyqtgraph, skimage, torch"
    process = traced("-c", f"import {ours}, {libraries}")
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
