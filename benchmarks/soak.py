"""A long live session whose camera is lost now and then: does anything grow that should not?

    python benchmarks/soak.py [--minutes 10] [--k 2] [--shared] [--json FILE]

Two faces move before a camera that freezes, fails and ends in turn, twice a minute. Meanwhile everything is recorded,
a viewer reads the network stream, and a virtual camera, whose device is a file, shows the picture. Passes, with exit
code 0, when memory stayed flat within 2 %, threads and descriptors were as many at the end as at the start, every
output worked to the end, and the frames' age did not grow. The age does not count with `--shared`, for a machine that
has other work.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

import numpy as np
import psutil
import pyvirtualcam

from app.core.errors import AppError, SourceOfflineError
from app.core.machine import describe_machine
from app.core.settings import Settings
from app.core.types import Frame, Image
from app.outputs.recordings.file import playable_seconds
from app.pipeline.live.session import LiveSession
from app.pipeline.measuring.bench import Finished, running_session
from app.pipeline.measuring.scene import MovingFaceScene, MovingFaceSource
from app.restorers.store import ModelStore
from app.sources.base import Source, SourceSpec

MEMORY_TOLERANCE = 0.02
AGE_TOLERANCE = 1.2
_WARM_UP_SHARE = 0.2
_SAMPLE_S = 1.0
_LIFETIME_S = 26.0
"""How long the camera is there: with the seconds until a lost one is back, about half a minute."""

_LOSSES = ("freeze", "fail", "end")
_CHECKS = ("memory_flat", "threads_constant", "descriptors_constant", "outputs_worked", "age_steady")


class TwoFaceScene(MovingFaceScene):
    """Two moving faces beside each other, half a turn apart."""

    def __init__(self) -> None:
        super().__init__(width=1280, height=480)
        self._half = MovingFaceScene(width=640, height=480)

    def image(self, seconds: float) -> Image:
        return np.hstack((self._half.image(seconds), self._half.image(seconds + 2.0)))


class LosingSource:
    """Moving faces that are lost after `lifetime_s`: they stand still, or reading raises, or ends."""

    def __init__(self, scene: MovingFaceScene, *, loss: str, lifetime_s: float) -> None:
        self._source = MovingFaceSource(scene)
        self._loss = loss
        self._lifetime_s = lifetime_s
        self._closed = threading.Event()
        self._until = 0.0
        self.info = self._source.info

    def open(self) -> None:
        self._source.open()
        self._until = time.perf_counter() + self._lifetime_s

    def read(self) -> Frame | None:
        if time.perf_counter() < self._until:
            return self._source.read()
        if self._loss == "freeze":
            self._closed.wait()
        if self._loss == "fail":
            raise SourceOfflineError("The camera was unplugged.")
        return None

    def close(self) -> None:
        self._closed.set()
        self._source.close()


class FileBackend:
    """A driver for pyvirtualcam whose device is a file that holds the newest picture."""

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)

    def send(self, frame: Image) -> None:
        self._file.seek(0)
        self._file.write(frame.tobytes())
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def device(self) -> str:
        return "a file"

    def native_fourcc(self) -> int | None:
        return None


class Viewer:
    """Reads the network stream at `address` on a thread of its own, as a browser would, and again when it is lost."""

    def __init__(self, address: tuple[str, int], *, pause_s: float = 1.0, timeout_s: float = 30.0) -> None:
        """`pause_s` is how long it waits before it connects again, `timeout_s` how long for bytes."""
        self._address = address
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._closed = threading.Event()
        self.bytes = 0
        self.connections = 0
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            connection = http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
            try:
                connection.request("GET", "/stream.mjpg")
                answer = connection.getresponse()
                self.connections += 1
                while not self._closed.is_set() and (chunk := answer.read1(65536)):
                    self.bytes += len(chunk)
            except (OSError, http.client.HTTPException) as error:
                if not self._closed.is_set():
                    print(f"The viewer lost the stream ({error!r}).", file=sys.stderr, flush=True)
            finally:
                connection.close()
            self._closed.wait(self._pause_s)

    def close(self) -> None:
        """End reading; the stream may have ended before."""
        self._closed.set()
        self._thread.join(self._timeout_s + 10)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One second: time since the start, resident memory, threads, open descriptors, frames and their median age (0
    while lost), and the pictures that each output has sent since the start."""

    seconds: float
    memory_mb: float
    threads: int
    descriptors: int
    frames: int
    age_ms: float
    sent: dict[str, int]


def soak(*, minutes: float, k: int, lifetime_s: float = _LIFETIME_S) -> list[Sample]:
    """Run the session and sample it once a second."""
    scene = TwoFaceScene()
    opened = 0

    def make_source(spec: SourceSpec) -> Source:
        nonlocal opened
        opened += 1
        return LosingSource(scene, loss=_LOSSES[opened % len(_LOSSES)], lifetime_s=lifetime_s)

    process = psutil.Process()
    count_descriptors = process.num_handles if sys.platform == "win32" else process.num_fds
    samples: list[Sample] = []
    settings = Settings(k=k, stream_address="127.0.0.1:0", mirror=False, record_sound=False)
    with running_session(ModelStore(), settings, make_source=make_source) as (session, collector), _outputs(session):
        start = time.perf_counter()
        while (now := time.perf_counter() - start) < minutes * 60:
            collector.failed.wait(_SAMPLE_S)
            finished: list[Finished] = collector.collect()
            samples.append(
                Sample(
                    seconds=now,
                    memory_mb=process.memory_info().rss / 1e6,
                    threads=process.num_threads(),
                    descriptors=count_descriptors(),
                    frames=len(finished),
                    age_ms=statistics.median(frame.timings.age_ms for frame in finished) if finished else 0.0,
                    sent={name: state.sent for name, state in session.output_states().items()},
                )
            )
            if len(samples) % 30 == 0:
                print(samples[-1], file=sys.stderr, flush=True)
    print(f"The camera was opened {opened} times; sent: {samples[-1].sent}.", file=sys.stderr)
    return samples


@contextmanager
def _outputs(session: LiveSession) -> Iterator[None]:
    """A recording, a virtual camera, and a network stream with a viewer."""
    pyvirtualcam.register_backend("file", FileBackend)
    with tempfile.TemporaryDirectory() as folder:
        session.start_recording(Path(folder))
        for name in ("virtual-camera", "network-stream"):
            session.start_output(name)
        viewer = Viewer(_address(session))
        yield
        viewer.close()
        session.stop_output("network-stream")
        (recording,) = session.stop_recording()
        print(
            f"The recording plays for {playable_seconds(recording):.0f} s and has {recording.stat().st_size / 1e6:.0f} "
            f"MB, the viewer received {viewer.bytes / 1e6:.0f} MB over {viewer.connections} connections.",
            file=sys.stderr,
        )


def _address(session: LiveSession) -> tuple[str, int]:
    """Where the network stream is served, once it is."""
    deadline = time.perf_counter() + 10
    while (state := session.output_states()["network-stream"]).status != "live":
        if state.error is not None or time.perf_counter() > deadline:
            raise state.error or AppError("The network stream does not start.")
        time.sleep(0.05)
    host, _, port = str(state.detail).partition("://")[2].split("/")[0].rpartition(":")
    return host, int(port)


def judge(samples: list[Sample]) -> dict[str, Any]:
    """The first fifth after warming up against the last fifth, while the camera was there."""
    settled = [sample for sample in samples[int(len(samples) * _WARM_UP_SHARE) :] if sample.frames]
    part = max(1, len(settled) // 5)
    first, last = settled[:part], settled[-part:]

    memory, threads, descriptors, age = (
        [statistics.median(getattr(sample, name) for sample in each) for each in (first, last)]
        for name in ("memory_mb", "threads", "descriptors", "age_ms")
    )
    growth = memory[1] / memory[0] - 1
    return {
        "memory_mb": memory,
        "memory_growth": growth,
        "threads": threads,
        "descriptors": descriptors,
        "age_ms": age,
        "memory_flat": growth <= MEMORY_TOLERANCE,
        "threads_constant": threads[0] == threads[1],
        "descriptors_constant": descriptors[0] == descriptors[1],
        "outputs_worked": all(last[-1].sent[name] > count for name, count in last[0].sent.items()),
        "age_steady": age[1] <= age[0] * AGE_TOLERANCE,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--k", type=int, default=2)
    parser.add_argument("--shared", action="store_true", help="the machine has other work: the age does not count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write verdict and samples to FILE")
    options = parser.parse_args()
    samples = soak(minutes=options.minutes, k=options.k)
    verdict = judge(samples)
    for name, value in verdict.items():
        print(f"{name:<22}{value}")
    if options.json is not None:
        content = {"machine": describe_machine(), "verdict": verdict, "samples": [asdict(each) for each in samples]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    passed = all(verdict[name] for name in _CHECKS if not (options.shared and name == "age_steady"))
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
