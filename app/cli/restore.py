"""The `restore` command: pictures, videos and folders through the same pipeline as the window."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass, fields
from typing import Any

from tqdm import tqdm

from app.batch.plan import Job, is_done, left_alone, plan
from app.batch.timings import StageTimings
from app.batch.worker import Outcome, RestoreWorker
from app.cli.messages import print_error, print_unexpected, say
from app.cli.parser import given_settings
from app.core.errors import AppError
from app.core.settings import Settings
from app.restorers.store import ModelStore


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What became of one file: an outcome, or the error in words."""

    job: Job
    outcome: Outcome | None = None
    error: str = ""


def restore(options: argparse.Namespace) -> bool:
    """Carry out `restore INPUT OUTPUT`; True when every file was restored.

    A single file that fails raises its AppError. In a folder the others are still restored, each failure is printed
    when it happens and counted at the end; files that are there already are kept unless they are to be overwritten.
    """
    planned = plan(options.input, options.output, aligned=options.aligned, overwrite=options.overwrite)
    jobs = [job for job in planned if options.overwrite or not is_done(job)]
    if kept := len(planned) - len(jobs):
        first = next(job for job in planned if job not in jobs)
        say(f"note: already there, kept: {kept} of {len(planned)} files, first {first.name}; --overwrite replaces them")
    settings = Settings().replace(**given_settings(options))
    detect_size = settings.detect_size if hasattr(options, "detect_size") else None
    started = time.perf_counter()
    worker = RestoreWorker(
        ModelStore(),
        settings,
        k_is_given=hasattr(options, "k"),
        detect_size=detect_size,
        side_by_side=options.side_by_side,
        overwrite=options.overwrite,
    )
    # A supervisor's polite "stop" and a closed terminal are to leave as little behind as Ctrl-C.
    endings = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {ending: signal.signal(ending, signal.default_int_handler) for ending in endings}
    try:
        results = _run_one(worker, jobs[0]) if len(planned) == len(jobs) == 1 else _run_many(worker, jobs)
    finally:
        for ending, handler in previous.items():
            signal.signal(ending, handler)
    failed = sum(result.outcome is None for result in results)
    if len(results) > 1:
        done = len(results) - failed
        say(f"{done} of {len(results)} files restored" + (f", {failed} failed (named above)" if failed else ""))
    if others := left_alone(options.input, options.output, planned):
        say(f"note: left alone: {len(others)} other files, first {others[0].name}")
    if options.json:
        elapsed_s = time.perf_counter() - started
        print(json.dumps(_document(options, worker, results, elapsed_s), indent=2))
    return not failed


def _run_one(worker: RestoreWorker, job: Job) -> list[_Result]:
    video = job.kind == "video"
    with _bar(None if video else 1, job.name, "frames" if video else "files") as bar:
        outcome = worker.restore(job, progress=_show_on(bar) if video else None)
        if not video:
            bar.update()
    _say_notes(job, outcome)
    return [_Result(job=job, outcome=outcome)]


def _run_many(worker: RestoreWorker, jobs: list[Job]) -> list[_Result]:
    results = []
    with _bar(len(jobs), "restoring", "files") as bar:
        for job in jobs:
            try:
                if job.kind == "video":
                    with _bar(None, job.name, "frames", inner=True) as frames:
                        outcome = worker.restore(job, progress=_show_on(frames))
                else:
                    outcome = worker.restore(job)
                _say_notes(job, outcome)
                results.append(_Result(job=job, outcome=outcome))
            except AppError as error:
                print_error(error, about=job.name)
                results.append(_Result(job=job, error=str(error)))
            except Exception as error:
                print_unexpected(error, about=job.name)
                results.append(_Result(job=job, error=f"{type(error).__name__}: {error}"))
            bar.update()
    return results


def _say_notes(job: Job, outcome: Outcome) -> None:
    for note in outcome.notes:
        say(f"note: {job.name}: {note}")


def _bar(total: int | None, title: str, unit: str, *, inner: bool = False) -> Any:
    # A log file gets a line now and then, a terminal a bar that moves.
    interval = 0.1 if sys.stderr.isatty() else 5.0
    return tqdm(
        total=total,
        desc=title,
        unit=f" {unit}",
        leave=not inner,
        position=1 if inner else 0,
        mininterval=interval,
        dynamic_ncols=True,
        file=sys.stderr,
    )


def _show_on(bar: Any) -> Any:
    def show(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


def _document(
    options: argparse.Namespace, worker: RestoreWorker, results: list[_Result], elapsed_s: float
) -> dict[str, Any]:
    stages = StageTimings()
    files = []
    for result in results:
        entry: dict[str, Any] = {
            "input": str(result.job.source),
            "output": str(result.job.target),
            "kind": result.job.kind,
        }
        if result.outcome is None:
            entry["error"] = result.error
        else:
            for timings in result.outcome.timings:
                stages.add(timings)
            entry |= {
                "frames": len(result.outcome.timings),
                "faces": result.outcome.faces,
                "notes": list(result.outcome.notes),
            }
        files.append(entry)
    used = ("restorer", "precision", "strength", "steady", "max_faces", "stop_threshold")
    settings = {spec.name: getattr(worker.settings, spec.name) for spec in fields(Settings) if spec.name in used}
    return {
        "settings": settings | {"k": worker.k, "aligned": options.aligned, "side_by_side": options.side_by_side},
        "engine": asdict(worker.engine),
        "frames": sum(len(result.outcome.timings) for result in results if result.outcome),
        "elapsed_s": round(elapsed_s, 3),
        "stages": stages.summary(),
        "files": files,
    }
