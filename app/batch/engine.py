"""The job engine: a job becomes tasks, an executor runs them, a journal records them, events report them.

Command line and window only show the events and the report of `run_job`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions
from app.batch.jobs.events import JobEvent, JobReport
from app.batch.jobs.job import Job
from app.batch.jobs.journal import Journal
from app.batch.jobs.plan import Item, is_folder, left_alone, plain, plan
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task
from app.batch.jobs.work import Work, pieces_of, work_for
from app.batch.resources import default_workers
from app.batch.run import JobRun
from app.batch.workforce import Workforce
from app.core.address import shown_source
from app.core.errors import JournalError
from app.core.log import log_folder
from app.core.machine import usable_threads
from app.core.words import phrase_n
from app.media.files import part_prefix
from app.restorers.store import ModelStore

_WORTH_PROCESSES = 150.0
"""Less work than this, in video frames, is done before a second process has loaded its networks."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Part `number`, from 1, of `count` disjoint parts of a job's tasks, decided by the tasks' names."""

    number: int
    count: int

    @property
    def journal(self) -> str:
        return f"shard-{self.number}-of-{self.count}"

    def has(self, key: str) -> bool:
        """Whether the task of that key belongs to it."""
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


def run_job(
    job: Job,
    *,
    workers: int = 0,
    workforce: Workforce | None = None,
    executor: Executor | None = None,
    store: ModelStore | None = None,
    fresh: bool = False,
    retry: bool = False,
    shard: Shard | None = None,
    join: bool = False,
    timings: bool = False,
    only: Callable[[Item], bool] = lambda item: True,
    on_event: Callable[[JobEvent], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> JobReport:
    """Restore every file of `job`; a file that fails does not stop the others.

    `workers` 0 uses as many as this machine supports, those of a `workforce` first; `executor` is another way to
    run tasks. What an interrupted run has finished is not done again unless `fresh`. With `retry`, a task that
    failed is tried once more at the end. `timings` keeps those of every frame in the report. `only` leaves files out.
    `on_event` is called in this thread, `cancelled` is asked often and leaves the journal for another run. With `shard`
    only that part of the tasks is done, and videos stay in pieces; when every shard is done, `join` makes the whole of
    them.

    Raises UnreadableMediaError, EmptyFolderError or OutputError for an invalid job, JournalError when
    another process is running it or a shard is not done, ClusterError for a cluster that cannot be used, ManifestError,
    ModelMissingError, ModelIntegrityError, InferenceError or SettingError for networks that cannot be used.
    """
    store = store or ModelStore()
    job = replace(job, input=plain(job.input), output=plain(job.output))
    planned = plan(job.input, job.output, aligned=job.options.aligned)
    items = [item for item in planned if only(item)]
    if (shard is not None or join) and any(item.sent_to is not None for item in items):
        raise JournalError(
            "Shards keep their journals in the output folder, and that is behind an address.",
            "Choose a folder that every machine sees, or leave --shard and --join out.",
        )
    how, folder = job.options.digest(store), job_folder(job, planned)

    def make(item: Item) -> Work:
        # Only a video has tasks of other names, which are known when it was opened.
        mine = shard is None or item.kind == "video" or shard.has(item.name)
        return work_for(item, how, folder / "pieces", mine=mine)

    works = [make(item) for item in items]
    # A single task cannot be resumed, but there may be a journal of an older version of its video.
    alone = len(works) == 1 and not works[0].pieces and shard is None and not join and not folder.exists()
    with Journal(None if alone else folder, name=shard.journal if shard else "journal") as journal:
        if shard is None and not alone:
            for path in sorted(folder.glob("shard-*.sqlite")):
                journal.take_over(path.stem)
        run = JobRun(
            job,
            works,
            journal,
            fresh=fresh,
            retry=retry,
            remake=make,
            on_event=on_event,
            mine=lambda task: shard is None or shard.has(task.key),
            is_shard=shard is not None,
            joins=join,
            keep_timings=timings,
        )
        if join:
            _expect_all_done(run.tasks_left)
        # Of the whole job: what is left of it after an interruption must not come out differently.
        whole = [task for work in works for task in (work.pieces or (work.final,))]
        setup = WorkerSetup(
            options=job.options,
            threads=job.options.settings.threads,
            codec_threads=_codec_threads(whole, workers) if executor is None else 0,
            models=store.folder,
        )
        executor = executor or _executor_for(run.tasks_left, workers, workforce or Workforce())
        executor.run(setup, run.next_task, run.report, cancelled)
        report = run.ended(tuple(left_alone(job.input, job.output, planned)))
        if shard is None and not report.resumable:
            journal.remove([item.name for item in items], pieces_of(items, folder / "pieces"))
    return report


def _expect_all_done(tasks: Sequence[Task]) -> None:
    """Raise JournalError if anything but joining is left to do."""
    missing = [task for task in tasks if task.kind != "join"]
    if missing:
        raise JournalError(
            phrase_n(
                "{n} task is not done yet: {key}.",
                "{n} tasks are not done yet, first {key}.",
                len(missing),
                key=missing[0].key,
            ),
            "Run the shards that are missing, or leave --join out to do the rest here.",
        )


def job_folder(job: Job, items: list[Item]) -> Path:
    """Return the hidden folder of a job's journal and pieces, in its output folder or beside its output file.

    For an output behind an address it is one of this machine, beside the log.
    """
    if any(item.sent_to is not None for item in items):
        name = f"{shown_source(job.input)} {shown_source(job.output)}"
        return log_folder() / "jobs" / hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:16]
    if is_folder(job.input):
        return Path(job.output) / ".cfrnet-job"
    (item,) = items
    return item.target.with_name(f".{part_prefix(item.target)}.cfrnet-job")


def _executor_for(tasks: Sequence[Task], workers: int, workforce: Workforce) -> Executor:
    """Return processes of this machine for as many workers as there is work for, or this process for one."""
    workers = _workers_for(tasks, workers)
    name = "processes" if workers > 1 else "inline"
    return EXECUTORS[name].make(ExecutorOptions(workers=workers, workforce=workforce))


def _workers_for(tasks: Sequence[Task], workers: int) -> int:
    if not workers:
        workers = default_workers() if sum(task.weight for task in tasks) >= _WORTH_PROCESSES else 1
    return min(workers, len(tasks))


def _codec_threads(tasks: Sequence[Task], workers: int) -> int:
    """Return the threads of each worker's codecs, 0 for as many as one worker alone has use for.

    Where every core has a worker, codecs with threads of their own only make them wait for each other.
    """
    workers = _workers_for(tasks, workers)
    if workers <= 1:
        return 0
    return 1 if workers >= usable_threads(0) else 2
