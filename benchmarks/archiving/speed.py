"""How fast a job is: whole commands of this checkout against those of another one, and what a cluster costs."""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from app.batch.engine import run_job
from app.batch.executors.base import Executor
from benchmarks.archiving.material import ROOT, Table, executor, job, make_film, make_pictures


def film(folder: Path, options: argparse.Namespace) -> Table:
    """Frames a second of a 720p video with one face, for every k."""
    source = make_film(folder / "film.mp4", options.frames)
    return {f"k{k}": _compared(source, folder / "out.mp4", options, k=k, count=options.frames) for k in options.k}


def pictures(folder: Path, options: argparse.Namespace) -> Table:
    """Pictures a second of a folder of 1 MP pictures with one face each."""
    source = make_pictures(folder / "pictures", options.pictures)
    return _compared(source, folder / "out", options, k=3, count=options.pictures)


def _compared(source: Path, target: Path, options: argparse.Namespace, *, k: int, count: int) -> Table:
    """Whole commands in turn, from their start to their end: the baseline, then two workers of this checkout.

    Without `--baseline`, the other one is one worker of this checkout. `others_s` is the time of the processors that
    other programs took meanwhile: on an idle machine it is about nothing.
    """
    baseline: Path = options.baseline or ROOT
    other = [] if options.baseline else ["--workers", "1"]
    runs: dict[str, list[Table]] = {"before": [], "two": []}
    for _ in range(options.repeats):
        runs["before"].append(_run(baseline, source, target, k, other, count))
        runs["two"].append(_run(ROOT, source, target, k, ["--workers", "2"], count))
    before, two = (statistics.median(run["per_s"] for run in runs[name]) for name in ("before", "two"))
    return {"before_per_s": before, "two_per_s": two, "times": two / before, "runs": runs}


def _run(checkout: Path, source: Path, target: Path, k: int, more: list[str], count: int) -> Table:
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    command = [sys.executable, "main.py", "restore", str(source), str(target), "--k", str(k), *more]
    idle = _idle_s()
    children = _children_s()
    started = time.perf_counter()
    subprocess.run(command, cwd=checkout, stderr=subprocess.DEVNULL, check=True)
    took = time.perf_counter() - started
    own = _children_s() - children
    others = took * (psutil.cpu_count() or 1) - (_idle_s() - idle) - own
    return {"per_s": round(count / took, 2), "cpu_s": round(own, 2), "others_s": round(max(others, 0.0), 2)}


def _idle_s() -> float:
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0))


def _children_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def cluster(folder: Path, options: argparse.Namespace) -> Table:
    """Seconds for a folder by this process and by `--cluster-workers` of a local cluster, without their start.

    Every way takes a smaller folder first, so that all have loaded their networks; `overhead` is that of one worker of
    the cluster against this process with one thread of the engine, as a worker has.
    """
    from distributed import LocalCluster

    source = make_pictures(folder / "pictures", options.cluster_pictures)
    few = make_pictures(folder / "few", 8)
    rows: Table = {}

    def timed(name: str, run: Callable[[Path, Path], object]) -> None:
        run(few, folder / f"{name}-few")
        for number in range(options.repeats):
            started = time.perf_counter()
            run(source, folder / f"{name}-{number}")
            rows.setdefault(name, []).append(round(time.perf_counter() - started, 2))

    timed("inline", partial(_by, executor("inline")))
    for workers in options.cluster_workers:
        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local:
            dask = executor("dask", address=local.scheduler_address)
            timed(f"dask_{workers}", partial(_by, dask))
    if "dask_1" in rows:
        rows["overhead"] = min(rows["dask_1"]) / min(rows["inline"]) - 1
    return rows


def _by(way: Executor, source: Path, target: Path) -> None:
    run_job(job(source, target, 3, threads=1), executor=way)
