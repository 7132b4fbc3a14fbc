"""The `restore` command: pictures, videos and folders through the same pipeline as the window."""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.batch.engine import Shard, run_job
from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions
from app.batch.jobs.events import ItemDone, ItemFailed, JobEvent, JobProgress, JobReport, JobStarted
from app.batch.jobs.job import Job, RestoreOptions
from app.batch.jobs.plan import Item, is_folder, plain
from app.batch.jobs.timings import StageTimings
from app.batch.sheet import compare
from app.batch.watch import watch
from app.batch.workforce import Workforce, stop_signals
from app.cli.messages import STDERR, note, print_error, say, show
from app.cli.parser import given_settings
from app.core.address import shown_source
from app.core.errors import ClusterError, OutputError, UnreadableMediaError
from app.core.settings import Settings
from app.core.words import joined, phrase, phrase_n, tr
from app.media.remote import is_address
from app.restorers.store import ModelStore

_MOST_NAMED = 5


def restore(options: argparse.Namespace, workforce: Workforce) -> bool:
    """Run `restore INPUT OUTPUT` with a `workforce`; return whether every file was restored.

    A single file that fails raises its AppError. In a folder the others are still restored, each failure is printed
    when it happens and counted at the end; files that are there already are kept unless they are to be overwritten.
    """
    settings = Settings().replace(**given_settings(options))
    how = RestoreOptions(
        settings=settings,
        k_is_given=hasattr(options, "k"),
        detect_size=settings.detect_size if hasattr(options, "detect_size") else None,
        side_by_side=options.side_by_side,
        aligned=options.aligned,
        scale=options.scale,
        encoder=options.encoder,
    )
    if options.compare:
        for text in filter(is_address, (options.input, options.output)):
            raise UnreadableMediaError(
                "--compare works on files, and {address} is an address.",
                "Restore without it, or copy the file here first.",
                address=shown_source(text),
            )
        names = [name.strip() for name in options.compare.split(",")]
        source, target = Path(options.input), Path(options.output)
        for words in compare(ModelStore(), source, target, names, how, overwrite=options.overwrite):
            note(words, about=source.name)
        return True
    started = time.perf_counter()
    many = is_folder(plain(options.input))
    previous = {ending: signal.signal(ending, signal.default_int_handler) for ending in stop_signals()}
    try:
        job = Job(input=options.input, output=options.output, options=how, overwrite=options.overwrite)
        report = _watch(job, options, workforce) if options.watch else _run(job, options, workforce, many=many)
    finally:
        for ending, handler in previous.items():
            signal.signal(ending, handler)
    _sum_up(report, many=many)
    if options.json:
        show(json.dumps(_document(options, settings, report, time.perf_counter() - started), indent=2))
    return not report.failed


def _run(
    job: Job,
    options: argparse.Namespace,
    workforce: Workforce,
    *,
    many: bool,
    only: Callable[[Item], bool] = lambda item: True,
) -> JobReport:
    with _Display(many=many) as display:
        return run_job(
            job,
            workers=options.workers,
            workforce=workforce,
            executor=_cluster(options.cluster) if options.cluster else None,
            fresh=options.fresh,
            retry=options.retry,
            shard=Shard(number=options.shard[0], count=options.shard[1]) if options.shard else None,
            join=options.join,
            timings=options.json,
            only=only,
            on_event=display.show,
        )


def _cluster(address: str) -> Executor:
    descriptor = EXECUTORS["dask"]
    if not descriptor.is_available():
        raise ClusterError(
            "--cluster needs the package {package}.",
            "Install it: pip install -r requirements-cluster.txt",
            package=descriptor.needs,
        )
    return descriptor.make(ExecutorOptions(address=address))


def _watch(job: Job, options: argparse.Namespace, workforce: Workforce) -> JobReport:
    """Restore what arrives until Ctrl-C; during a restoration Ctrl-C interrupts it as usual."""
    # As `run_job` does, because the scans plan the job too.
    job = replace(job, input=plain(job.input), output=plain(job.output))
    results: dict[str, ItemDone | ItemFailed] = {}
    restored: set[str] = set()  # at any time: what is in the place of a file that failed since is this run's own

    lost: OutputError | None = None

    def take(items: list[Item]) -> None:
        nonlocal lost
        if lost is not None and not _is_there(job.output):
            raise lost
        lost = None
        arrived = {item.name for item in items}
        for names, overwrite in ((arrived - restored, job.overwrite), (arrived & restored, True)):
            if names:
                part = replace(job, overwrite=overwrite)
                report = _run(part, options, workforce, many=True, only=_one_of(names))
                results.update((each.item.name, each) for each in report.results)
                restored.update(each.item.name for each in report.results if isinstance(each, ItemDone))
                errors = (each.error for each in report.results if isinstance(each, ItemFailed))
                lost = lost or next((error for error in errors if isinstance(error, OutputError)), None)
        if lost is not None and not _is_there(job.output):  # then nothing is wrong with the files
            raise lost
        lost = None

    def wait(seconds: float) -> bool:
        try:
            time.sleep(seconds)
        except KeyboardInterrupt:
            return True
        return False

    if not Path(job.input).is_dir():
        shown = shown_source(job.input)
        raise OutputError("{path} is no folder, so there is nothing to watch.", "Leave --watch out.", path=shown)
    say(tr("watching {path}; Ctrl-C ends it", path=job.input))
    watch(job, take, wait, print_error)
    return JobReport(results=tuple(results.values()))


def _is_there(folder: str) -> bool:
    try:
        return is_folder(folder)
    except UnreadableMediaError:
        return False


def _one_of(names: set[str]) -> Callable[[Item], bool]:
    return lambda item: item.name in names


class _Display:
    """A progress bar on stderr, with lines for events above it.

    Of `many` files, those of a folder, each error is printed; that of a single one is raised at the end.
    """

    def __init__(self, *, many: bool) -> None:
        self._bar: Any = None
        self._many = many

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *ending: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            self._start(event)
        elif isinstance(event, JobProgress):
            self._bar.set_postfix_str(_postfix(event), refresh=False)
            self._bar.update(round(event.fraction * 100, 1) - self._bar.n)
        elif isinstance(event, ItemDone):
            if not event.resumed:
                for words in event.result.notes:
                    note(words, about=event.item.name)
        elif self._many:
            print_error(event.error, about=event.item.name)

    def _start(self, event: JobStarted) -> None:
        for words in event.notes:
            note(words)
        if event.kept:
            note(
                phrase(
                    "already there, kept: {kept} of {all} files, first {first}; --overwrite replaces them",
                    kept=len(event.kept),
                    all=event.items,
                    first=event.kept[0].name,
                )
            )
        if event.resumed or event.pieces:
            done = [phrase_n("{n} file", "{n} files", event.resumed)]
            if event.pieces:
                done.append(phrase_n("{n} piece of a video", "{n} pieces of videos", event.pieces))
            say(tr("going on where an earlier run stopped; restored already: {done}", done=joined(done)))
        self._bar = _bar()


def _sum_up(report: JobReport, *, many: bool) -> None:
    """Print how a job ended; raise the error of a single file that failed."""
    results = report.results
    engines = [each.result.engine for each in results if isinstance(each, ItemDone) and each.result.engine is not None]
    if engines and not engines[-1].as_asked:
        note(engines[-1].replaced)
    if report.resumable:
        note(phrase("what was done of a video is kept; the same command goes on from there"))
    if not many:
        for each in results:
            if isinstance(each, ItemFailed):
                raise each.error
    elif report.failed or len(results) > 1:
        done = len(results) - report.failed
        if report.failed:
            say(
                tr(
                    "{done} of {all} files restored, {failed} failed (named above)",
                    done=done,
                    all=len(results),
                    failed=report.failed,
                )
            )
        else:
            say(tr("{done} of {all} files restored", done=done, all=len(results)))
    if report.left_alone:
        names = ", ".join(path.name for path in report.left_alone[:_MOST_NAMED])
        more = ", …" if len(report.left_alone) > _MOST_NAMED else ""
        note(
            phrase_n(
                "left alone: {n} other file: {names}",
                "left alone: {n} other files: {names}",
                len(report.left_alone),
                names=names + more,
            )
        )


def _postfix(event: JobProgress) -> str:
    parts = []
    if event.items > 1:
        parts.append(phrase("{done}/{all} files", done=event.items_done, all=event.items))
    parts.append(phrase_n("{n} frame", "{n} frames", event.frames))
    if event.time_left_s is not None:
        parts.append(phrase("{duration} left", duration=tqdm.format_interval(event.time_left_s)))
    return str(joined(parts))


def _bar() -> Any:
    # A log file gets occasional lines, a terminal a moving bar.
    return tqdm(
        total=100,
        desc=tr("restoring"),
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}",
        mininterval=0.1 if STDERR.isatty() else 5.0,
        dynamic_ncols=True,
        file=STDERR,
    )


def _document(options: argparse.Namespace, settings: Settings, report: JobReport, elapsed_s: float) -> dict[str, Any]:
    stages = StageTimings()
    files = []
    engine, k = None, settings.k
    for each in report.results:
        entry: dict[str, Any] = {
            "input": str(each.item.source),
            "output": str(each.item.target),
            "kind": each.item.kind,
        }
        if isinstance(each, ItemFailed):
            entry["error"] = each.error.english
        else:
            result = each.result
            for timings in result.timings:
                stages.add(timings)
            if result.engine is not None:
                engine, k = result.engine, result.k
            entry |= {
                "frames": result.frames,
                "faces": result.faces,
                "notes": [words.english for words in result.notes],
            }
            if each.resumed:
                entry["resumed"] = True
        files.append(entry)
    used = ("restorer", "precision", "strength", "steady", "max_faces", "stop_threshold")
    shown = {spec.name: getattr(settings, spec.name) for spec in fields(Settings) if spec.name in used}
    if engine is not None:
        shown |= {"restorer": engine.restorer, "precision": engine.precision}
    shown |= {name: getattr(options, name) for name in ("aligned", "side_by_side", "scale", "encoder")}
    return {
        "settings": shown | {"k": k},
        "engine": None if engine is None else asdict(engine),
        "frames": sum(each.result.frames for each in report.results if isinstance(each, ItemDone)),
        "elapsed_s": round(elapsed_s, 3),
        "stages": stages.summary(),
        "files": files,
    }
