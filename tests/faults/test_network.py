"""Nothing leaves this machine: every command under `strace`, with a home in which nothing was remembered."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
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


def found(trace: Path, home: Path) -> list[str]:
    """The calls in `trace` that leave this machine or look up a name, and a telemetry service's files in `home`."""
    calls = trace.read_text(errors="replace").splitlines()
    assert len(calls) > 50
    sent = [
        line for line in calls if re.search(r"\b(connect|sendto|sendmsg|sendmmsg|bind)\(", line) and "sa_family" in line
    ]
    files = [str(path) for path in home.rglob("*") if _FOREIGN.search(str(path.relative_to(home)))]
    return [line for line in sent if not _LOCAL.search(line)] + [line for line in calls if _LOOKUP.search(line)] + files


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(home: Path, tmp_path: Path) -> Iterator[Start]:
    """Start Python with these words under `strace`, which writes `trace` and a number."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> subprocess.Popen[str]:
        kept = ("PATH", "DISPLAY", "QT_QPA_PLATFORM", "LANG")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        calls = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network,open,openat", "-e", "signal=none"]
        process = subprocess.Popen(
            [*calls, "-o", str(tmp_path / f"trace{len(started)}"), sys.executable, *map(str, words)],
            cwd=ROOT,
            env={**environment, "HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=60)


@pytest.fixture
def traced(tmp_path: Path, home: Path) -> Iterator[None]:
    """Look through the traces after `start` has waited for its processes: this comes before it in a test's list."""
    yield
    for trace in sorted(tmp_path.glob("trace*")):
        text = trace.read_text(errors="replace")
        if "ptrace" in text and "Operation not permitted" in text:
            pytest.skip("strace may not trace here")
        assert found(trace, home) == []


def child_of(process: subprocess.Popen[str]) -> int:
    """The process that strace started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[0])


def wait_for(process: subprocess.Popen[str], wanted: str) -> None:
    """Read what `process` says until a line holds `wanted`."""
    assert process.stdout is not None
    for line in process.stdout:
        if wanted in line:
            return
    raise AssertionError(f"it ended without {wanted!r}")


def test_restore(traced: None, start: Start, tmp_path: Path) -> None:
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    assert cv2.imwrite(str(tmp_path / "old.png"), picture)
    process = start("main.py", "restore", tmp_path / "old.png", tmp_path / "new.png", "--k", 1)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_restore_with_worker_processes(traced: None, start: Start, tmp_path: Path) -> None:
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    (tmp_path / "in").mkdir()
    for number in range(4):
        assert cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), picture)
    shutil.copy(DEMO, tmp_path / "in")
    process = start("main.py", "restore", tmp_path / "in", tmp_path / "out", "--k", 1, "--workers", 2)
    said, _ = process.communicate(timeout=110)
    assert process.returncode == 0, said


def test_restore_on_a_cluster_on_loopback(traced: None, start: Start, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    assert cv2.imwrite(str(tmp_path / "old.png"), picture)
    # Also without a dashboard the scheduler serves its state over HTTP, on every address unless one is given.
    loopback = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    scheduler = start("-m", "distributed.cli.dask_scheduler", *loopback, "--port", 0)
    assert scheduler.stdout is not None
    address = next(match[0] for line in scheduler.stdout if (match := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
    worker = start(
        *("-m", "distributed.cli.dask_worker", address, *loopback, "--no-nanny", "--nthreads", 1),
        *("--local-directory", tmp_path / "dask"),
    )
    process = start("main.py", "restore", tmp_path / "old.png", tmp_path / "new.png", "--k", 1, "--cluster", address)
    said, _ = process.communicate(timeout=110)
    for each in (worker, scheduler):  # not asked to end: a worker looks for its scheduler for a while
        os.kill(child_of(each), signal.SIGKILL)
    assert process.returncode == 0, said


def test_cameras(traced: None, start: Start) -> None:
    process = start("main.py", "cameras")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_live_that_serves_on_loopback(traced: None, start: Start) -> None:
    process = start("main.py", "live", "--source", DEMO, "--serve", "127.0.0.1:0")
    assert process.stdout is not None
    url = next(match[0] for line in process.stdout if (match := re.search(r"http://127\.0\.0\.1:\d+/[\w.]*", line)))
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read(1000)
    os.kill(child_of(process), signal.SIGINT)


def test_models(traced: None, start: Start) -> None:
    process = start("main.py", "models")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_bench(traced: None, start: Start) -> None:
    process = start("main.py", "bench")
    wait_for(process, "about half a minute")
    wait_for(process, "\n")
    os.kill(child_of(process), signal.SIGINT)


def test_window(traced: None, start: Start, display: str, home: Path) -> None:
    process = start("main.py", "--source", DEMO, "--no-record-sound")
    log = home / ".local" / "state" / "cfrnet-live" / "cfrnet-live.log"
    while process.poll() is None and not (log.exists() and "first restored picture" in log.read_text()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    assert process.returncode is None
    os.kill(child_of(process), signal.SIGTERM)


def test_training_benchmarks_and_every_library(traced: None, start: Start) -> None:
    ours = "benchmarks.cycle, training.shipping.quantize, training.train"
    libraries = "av, cv2, insightface.model_zoo, matplotlib.pyplot, onnx, PySide6.QtWidgets, pyqtgraph, skimage, torch"
    process = start("-c", f"import {ours}, {libraries}")
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said


def test_telemetry_that_is_on_would_be_found(start: Start, tmp_path: Path, home: Path) -> None:
    program = (
        "import sys, onnxruntime; onnxruntime.enable_telemetry_events(); "
        "onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
    )
    process = start("-c", program, ROOT / "models" / "cfrnet-rt.int8.onnx")
    process.communicate(timeout=60)
    if not (home / ".cache").exists():
        pytest.skip("this build of ONNX Runtime has no telemetry")
    assert any("onnxruntime" in each for each in found(tmp_path / "trace0", home))


@pytest.mark.parametrize(
    ("program", "call"),
    [
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))", "192.0.2.1"),
        ("socket.getaddrinfo('telemetry.invalid', 443)", "hosts"),
    ],
)
def test_a_connection_and_a_lookup_would_be_found(
    start: Start, tmp_path: Path, home: Path, program: str, call: str
) -> None:
    start("-c", f"import socket; {program}").communicate(timeout=60)
    assert any(call in each for each in found(tmp_path / "trace0", home))
