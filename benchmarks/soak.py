"""A long live session whose camera is lost now and then: does memory, the number of threads or the age grow?

    python benchmarks/soak.py [--minutes 10] [--k 2] [--json FILE]

The camera freezes, fails and ends in turn, twice a minute. Passes, with exit code 0, when memory stayed flat within
2 %, as many threads ran at the end as at the start, and the frames' age did not grow.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

import psutil

from app.core.errors import SourceOfflineError
from app.core.machine import describe_machine
from app.core.settings import Settings
from app.core.types import Frame
from app.pipeline.measuring.bench import Finished, running_session
from app.pipeline.measuring.scene import MovingFaceScene, MovingFaceSource
from app.restorers.store import ModelStore
from app.sources.base import Source, SourceSpec

MEMORY_TOLERANCE = 0.02
AGE_TOLERANCE = 1.2
_WARM_UP_SHARE = 0.2
_SAMPLE_S = 1.0
_LOSSES = ("freeze", "fail", "end")


class LosingSource:
    """A moving face that is lost after `lifetime_s`: it stands still, raises, or ends."""

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


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One second: time since the start, resident memory, threads, frames, and their median age (0 while lost)."""

    seconds: float
    memory_mb: float
    threads: int
    frames: int
    age_ms: float


def soak(*, minutes: float, k: int, loss_interval_s: float = 30.0) -> list[Sample]:
    """Run the session and look at it once a second."""
    scene = MovingFaceScene()
    opened = 0

    def make_source(spec: SourceSpec) -> Source:
        nonlocal opened
        opened += 1
        return LosingSource(scene, loss=_LOSSES[opened % len(_LOSSES)], lifetime_s=loss_interval_s)

    process = psutil.Process()
    samples: list[Sample] = []
    settings = Settings(k=k)
    with running_session(ModelStore(), settings, make_source=make_source) as (_, collector):
        start = time.perf_counter()
        while (now := time.perf_counter() - start) < minutes * 60:
            collector.failed.wait(_SAMPLE_S)
            finished: list[Finished] = collector.collect()
            samples.append(
                Sample(
                    seconds=now,
                    memory_mb=process.memory_info().rss / 1e6,
                    threads=process.num_threads(),
                    frames=len(finished),
                    age_ms=statistics.median(frame.timings.age_ms for frame in finished) if finished else 0.0,
                )
            )
            if len(samples) % 30 == 0:
                print(samples[-1], file=sys.stderr, flush=True)
    print(f"The camera was opened {opened} times.", file=sys.stderr)
    return samples


def judge(samples: list[Sample]) -> dict[str, Any]:
    """The first fifth after warming up against the last fifth, while the camera was there."""
    settled = [sample for sample in samples[int(len(samples) * _WARM_UP_SHARE) :] if sample.frames]
    part = max(1, len(settled) // 5)
    first, last = settled[:part], settled[-part:]

    memory, threads, age = (
        [statistics.median(getattr(sample, name) for sample in each) for each in (first, last)]
        for name in ("memory_mb", "threads", "age_ms")
    )
    growth = memory[1] / memory[0] - 1
    return {
        "memory_mb": memory,
        "memory_growth": growth,
        "threads": threads,
        "age_ms": age,
        "memory_flat": growth <= MEMORY_TOLERANCE,
        "threads_constant": threads[0] == threads[1],
        "age_steady": age[1] <= age[0] * AGE_TOLERANCE,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--k", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write verdict and samples to FILE")
    options = parser.parse_args()
    samples = soak(minutes=options.minutes, k=options.k)
    verdict = judge(samples)
    for name, value in verdict.items():
        print(f"{name:<18}{value}")
    if options.json is not None:
        content = {"machine": describe_machine(), "verdict": verdict, "samples": [asdict(each) for each in samples]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    passed = verdict["memory_flat"] and verdict["threads_constant"] and verdict["age_steady"]
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
