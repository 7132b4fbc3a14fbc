"""The memory of workers on a 4K video."""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import psutil

from app.batch.engine import run_job
from benchmarks.archiving.material import FPS, Table, job, make_film


def memory(folder: Path, options: argparse.Namespace) -> Table:
    """Peak memory of a worker on 4K, in the first half and in the second of a film of `--seconds`."""
    source = make_film(folder / "4k.mp4", options.seconds * FPS, width=3840, height=2160)
    peaks: list[tuple[float, int]] = []
    over = threading.Event()

    def look() -> None:
        me = psutil.Process()
        while not over.wait(0.5):
            for child in me.children(recursive=True):
                try:
                    peaks.append((time.perf_counter(), child.memory_info().rss))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    started = time.perf_counter()
    run_job(job(source, folder / "4k-out.mp4", 1), workers=2)
    middle = (started + time.perf_counter()) / 2
    over.set()
    watcher.join()
    first = max(rss for at, rss in peaks if at < middle) / 1e9
    second = max(rss for at, rss in peaks if at >= middle) / 1e9
    return {"first_half_gb": first, "second_half_gb": second, "growth": second / first}
