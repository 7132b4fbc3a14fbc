"""The job engine: a job becomes tasks, an executor carries them out, a journal remembers, events tell.

Command line and window only show what comes out of `run_job`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.batch.events import ItemDone, ItemFailed, JobEvent, JobProgress, JobReport, JobStarted
from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions, WorkerSetup
from app.batch.extent import expected_frames
from app.batch.job import Job
from app.batch.journal import Journal
from app.batch.plan import Item, is_done, left_alone, plan
from app.batch.progress import ProgressMeter
from app.batch.resources import default_workers
from app.batch.task import InputIdentity, Task, TaskDone, TaskEvent, TaskFailed, TaskProgress, TaskResult
from app.core.errors import AppError, WorkerError
from app.media.files import already_there
from app.restorers.store import ModelStore

_WORTH_PROCESSES = 150.0
"""Less work than this, in video frames, is done before a second process has loaded its networks."""

_PICTURE_WEIGHT = 8.0  # a picture is searched for faces at several sizes

_log = logging.getLogger(__name__)


def run_job(
    job: Job,
    *,
    workers: int = 0,
    executor: Executor | None = None,
    store: ModelStore | None = None,
    fresh: bool = False,
    retry: bool = False,
    on_event: Callable[[JobEvent], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> JobReport:
    """Restore every file of `job`; a file that fails does not stop the others.

    `workers` 0 takes as many as this machine carries, `executor` is for other ways to carry tasks out. What an
    interrupted run has finished is not done again unless `fresh`. With `retry`, a task that failed is tried once more
    at the end. `on_event` is called in this thread, `cancelled` is asked often and leaves the journal for another run.

    Raises UnreadableMediaError, EmptyFolderError or OutputError for a job that makes no sense, JournalError when
    another process is doing it, ManifestError, ModelMissingError, ModelIntegrityError, InferenceError or SettingError
    for networks that cannot be used.
    """
    store = store or ModelStore()
    items = plan(job.input, job.output, aligned=job.options.aligned)
    how = job.options.digest(store)
    tasks = [_task(item, how) for item in items]
    folder = _journal_folder(job, items) if len(tasks) > 1 else None
    with Journal(folder) as journal:
        run = _Run(job, items, tasks, journal, how=how, fresh=fresh, retry=retry, on_event=on_event)
        if executor is None:
            executor = _executor_for(run.work_left, run.tasks_left, workers)
        setup = WorkerSetup(options=job.options, threads=job.options.settings.threads, models=store.folder)
        executor.run(setup, run.next_task, run.report, cancelled)
        report = run.ended()
        if not report.cancelled:
            journal.remove()
    return report


class _Run:
    """One run of a job: which tasks are to be given out, and what became of them."""

    def __init__(
        self,
        job: Job,
        items: list[Item],
        tasks: list[Task],
        journal: Journal,
        *,
        how: str,
        fresh: bool,
        retry: bool,
        on_event: Callable[[JobEvent], None],
    ) -> None:
        self._job = job
        self._items = {item.name: item for item in items}
        self._journal = journal
        self._how = how
        self._retry = retry
        self._on_event = on_event
        self._meter = ProgressMeter()
        self._queue: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._tried_again: set[str] = set()
        self._results: dict[str, ItemDone | ItemFailed] = {}
        self._kept: list[Item] = []
        resumed = [result for task in tasks if (result := self._admit(task, fresh=fresh)) is not None]
        notes = () if journal.damaged is None else (f"the journal was damaged; it is kept as {journal.damaged}",)
        on_event(JobStarted(items=len(items), resumed=len(resumed), kept=tuple(self._kept), notes=notes))
        for result in resumed:
            self._conclude(result)

    @property
    def work_left(self) -> float:
        return sum(task.weight for task in self._queue)

    @property
    def tasks_left(self) -> int:
        return len(self._queue)

    def next_task(self) -> Task | None:
        """The next task to give out, None when there is none for now."""
        if self._queue:
            task = self._queue.popleft()
        elif self._again:
            failed = self._again.popleft()
            task = _task(self._items[failed.name], self._how)  # its input may be whole by now
            task = replace(task, overwrite=failed.overwrite)
        else:
            return None
        self._meter.begin()
        self._journal.start(task)
        return task

    def report(self, event: TaskEvent) -> None:
        """Take what an executor says about a task that it was given."""
        if isinstance(event, TaskProgress):
            self._meter.advance(event.task, event.frames)
            self._tell_progress()
        elif isinstance(event, TaskDone):
            self._journal.finish(event.task, event.result.record())
            self._meter.finish(event.task, event.result.frames)
            self._conclude(ItemDone(item=self._items[event.task.name], result=event.result))
        else:
            self._fail(event)

    def ended(self) -> JobReport:
        results = tuple(self._results[name] for name in self._items if name in self._results)
        return JobReport(
            results=results,
            cancelled=len(results) + len(self._kept) < len(self._items),
            left_alone=tuple(left_alone(self._job.input, self._job.output, list(self._items.values()))),
        )

    def _admit(self, task: Task, *, fresh: bool) -> ItemDone | None:
        """Queue `task`, keep what is in its place, or give the result that an earlier run left.

        Raises OutputError when the file that a job names is there already.
        """
        item, entry = self._items[task.name], self._journal.entry(task.key)
        there = is_done(item)
        same = entry is not None and entry.digest == task.digest and not fresh
        # Killed between the last step and the journal: only a task with nothing in its place is ever begun.
        just_done = entry is not None and not entry.done and not self._job.overwrite
        if there and entry is not None and same and (entry.done or just_done):
            self._meter.expect(task, done_before=True)
            return ItemDone(item=item, result=TaskResult.from_record(entry.record), resumed=True)
        ours = entry is not None and entry.done
        if there and not ours and not self._job.overwrite:
            if not Path(self._job.input).is_dir():
                raise already_there(item.target)
            self._kept.append(item)
            return None
        self._meter.expect(task)
        self._queue.append(replace(task, overwrite=self._job.overwrite or ours))
        return None

    def _fail(self, event: TaskFailed) -> None:
        task, error = event.task, event.error
        if isinstance(error, WorkerError):
            _log.error("unexpected error: %s\n%s", task.name, error.details or error)
        self._journal.forget(task.key)
        if self._retry and task.key not in self._tried_again:
            self._tried_again.add(task.key)
            self._meter.again(task)
            self._again.append(task)
            return
        self._meter.finish(task, 0)
        self._conclude(ItemFailed(item=self._items[task.name], error=error))

    def _conclude(self, result: ItemDone | ItemFailed) -> None:
        self._results[result.item.name] = result
        self._on_event(result)
        self._tell_progress()

    def _tell_progress(self) -> None:
        self._on_event(
            JobProgress(
                items_done=len(self._results),
                items=len(self._items) - len(self._kept),
                frames=self._meter.frames,
                fraction=self._meter.fraction,
                time_left_s=self._meter.time_left_s(),
            )
        )


def _task(item: Item, how: str) -> Task:
    try:
        identity = InputIdentity.of(item.source)
    except AppError:
        identity = None  # the worker says what is wrong with it, when its turn comes
    content = json.dumps([how, item.kind, str(item.source.absolute()), repr(identity)])
    return Task(
        key=item.name,
        kind=item.kind,
        name=item.name,
        source=item.source,
        target=item.target,
        identity=identity,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        weight=expected_frames(item.source) if item.kind == "video" else _PICTURE_WEIGHT,
    )


def _executor_for(work: float, tasks: int, workers: int) -> Executor:
    """The processes of this machine for as many workers as there is work for, this one if that is one."""
    if not workers:
        workers = default_workers() if work >= _WORTH_PROCESSES else 1
    workers = min(workers, tasks)
    name = "processes" if workers > 1 else "inline"
    return EXECUTORS[name].make(ExecutorOptions(workers=workers))


def _journal_folder(job: Job, items: list[Item]) -> Path:
    """The hidden folder of a job: in its output folder, or beside its output file."""
    if Path(job.input).is_dir():
        return Path(job.output) / ".cfrnet-job"
    (item,) = items
    return item.target.with_name(f".{item.target.name}.cfrnet-job")
