"""One run of a job: the tasks to give out and their results, independent of executors and clocks."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.batch.jobs.events import ItemDone, ItemFailed, JobEvent, JobProgress, JobReport, JobStarted
from app.batch.jobs.job import Job
from app.batch.jobs.journal import Journal
from app.batch.jobs.plan import Item, is_done, is_folder
from app.batch.jobs.progress import ProgressMeter
from app.batch.jobs.task import Task, TaskEvent, TaskFailed, TaskProgress, TaskResult
from app.batch.jobs.work import Work
from app.batch.leftovers import Leftovers
from app.batch.videos.incomplete import BrokenOffError, kept_earlier
from app.batch.videos.joining import PieceFile
from app.batch.worker import NO_FACE
from app.core.errors import AppError, UnreadableMediaError, WorkerError
from app.core.words import Phrase, joined, phrase
from app.media.files import already_there

_log = logging.getLogger(__name__)


@dataclass
class _State:
    """The state of the work for one file. With `ours`, an older result of this job is in its place."""

    work: Work
    overwrite: bool
    ours: bool
    pieces: dict[str, TaskResult] = field(default_factory=dict)


class JobRun:
    """Gives out the tasks of `works`, receives their results, and keeps the journal.

    `remake` plans a file again, before its task is tried once more with `retry`. `mine` tells which tasks this run may
    do; when others do the rest, videos are not joined and `is_shard` is true. `joins` says that this run joins what
    shards have made. `keep_timings` keeps those of every frame, hundreds of bytes each, in the results.
    """

    def __init__(
        self,
        job: Job,
        works: list[Work],
        journal: Journal,
        *,
        fresh: bool = False,
        retry: bool = False,
        remake: Callable[[Item], Work],
        on_event: Callable[[JobEvent], None],
        mine: Callable[[Task], bool] = lambda task: True,
        is_shard: bool = False,
        joins: bool = False,
        keep_timings: bool = False,
    ) -> None:
        self._job = job
        self._journal = journal
        self._retry = retry
        self._remake = remake
        self._on_event = on_event
        self._mine = mine
        self._is_shard = is_shard
        self._joins = joins
        self._keep_timings = keep_timings
        self._meter = ProgressMeter()
        self._queue: deque[Task] = deque()
        self._again: deque[Task] = deque()
        self._under_way: set[str] = set()
        self._tried_again: set[str] = set()
        self._states: dict[str, _State] = {}
        self._order = [work.item.name for work in works]
        self._results: dict[str, ItemDone | ItemFailed] = {}
        self._kept: list[Item] = []
        self._pieces_before = 0
        self._worth_keeping = False
        # Parts in the folder are abandoned, except those that other shards are writing.
        folders = {task.target.parent for work in works for task in (work.final, *work.pieces)}
        self._leftovers = Leftovers(() if is_shard else folders)
        resumed = [done for work in works if (done := self._admit(work, fresh=fresh)) is not None]
        self._items = len(self._states) + len(resumed)
        notes = (
            ()
            if journal.damaged is None
            else (phrase("the journal was damaged; it is kept as {path}", path=journal.damaged),)
        )
        on_event(
            JobStarted(
                items=self._items + len(self._kept),
                resumed=sum(isinstance(result, ItemDone) for result in resumed),
                pieces=self._pieces_before,
                kept=tuple(self._kept),
                notes=notes,
            )
        )
        for result in resumed:
            self._conclude(result)

    @property
    def tasks_left(self) -> tuple[Task, ...]:
        """The tasks that are still to be given out; joining is added when its pieces are done."""
        return tuple(self._queue)

    def next_task(self) -> Task | None:
        """Return the next task to give out, None when there is none for now."""
        if self._queue:
            task = self._queue.popleft()
        elif self._again:
            task = self._again.popleft()
            # Its input may be whole by now, and is restored in one go all the same.
            if task.kind not in ("piece", "join"):
                final = self._remake(self._states[task.name].work.item).final
                task = replace(final, kind=task.kind, weight=task.weight, overwrite=task.overwrite, again=task.again)
        else:
            return None
        self._meter.begin()
        self._journal.start(task, ours=self._states[task.name].ours)
        self._under_way.add(task.key)
        return task

    def report(self, event: TaskEvent) -> None:
        """Receive an executor's event about a task."""
        if isinstance(event, TaskProgress):
            self._meter.advance(event.task, event.frames)
            self._tell_progress()
            return
        self._under_way.discard(event.task.key)
        if isinstance(event, TaskFailed):
            self._fail(event)
            return
        task, result = event.task, event.result
        if not self._keep_timings:
            result = replace(result, timings=())
        if task.kind == "piece":
            self._journal.finish(task, result.record())
            self._meter.finish(task, result.frames)
            self._take_piece(task, result)
            self._tell_progress()
            return
        state = self._states[task.name]
        if task.kind == "join":
            result = _merged(state, result)
        if task.again and not self._is_shard:
            self._leftovers.look_again(state.work.item.target)
        self._journal.finish(task, result.record())
        self._meter.finish(task, 0 if task.kind == "join" else result.frames)
        self._conclude(ItemDone(item=state.work.item, result=result))

    def ended(self, left_alone: tuple[Path, ...] = ()) -> JobReport:
        """Return the report; it is `resumable` when the journal is worth keeping for the same command."""
        cancelled = bool(self._queue or self._again or self._under_way)
        return JobReport(
            results=tuple(self._results[name] for name in self._order if name in self._results),
            cancelled=cancelled,
            resumable=cancelled or self._worth_keeping,
            left_alone=left_alone,
        )

    def _admit(self, work: Work, *, fresh: bool) -> ItemDone | ItemFailed | None:
        """Queue what `work` needs, keep an existing target, or return what an earlier run came to.

        A file of one task that is not this run's is passed over: what is in its place, another shard may have made.
        Raises OutputError when the file that a job names is there already.
        """
        task, item = work.final, work.item
        if not work.pieces and not self._mine(task):
            return None
        entry, there = self._journal.entry(task.key), is_done(item)
        same = entry is not None and entry.digest == task.digest and not fresh
        # Killed between the last step and the journal.
        just_done = entry is not None and entry.is_first and not self._job.overwrite
        if there and entry is not None and same and (entry.done or just_done):
            for each in (task, *work.pieces):
                self._meter.expect(each, done_before=True)
            return ItemDone(item=item, result=TaskResult.from_record(entry.record), resumed=True)
        ours = entry is not None and entry.is_ours and entry.is_of(task)
        if there and not ours and not self._job.overwrite:
            # What shards have made for its place must not be thrown away.
            if not is_folder(self._job.input) or (self._joins and self._has_pieces(work)):
                raise already_there(item.target)
            self._kept.append(item)
            return None
        if not there and not self._job.overwrite and (kept := _kept_earlier(task)) is not None:
            self._meter.expect(task, done_before=True)
            return ItemFailed(item=item, error=_broken_off_before(task, kept))
        state = _State(work, overwrite=self._job.overwrite or ours, ours=ours)
        if work.pieces:
            self._admit_pieces(state, fresh=fresh)
        else:
            self._meter.expect(task)
            self._states[item.name] = state
            self._queue.append(replace(task, overwrite=state.overwrite))
        return None

    def _has_pieces(self, work: Work) -> bool:
        results = map(self._finished, work.pieces)
        return any(result is not None and result.first_pts is not None for result in results)

    def _finished(self, piece: Task) -> TaskResult | None:
        """Return the result that an earlier run or a shard has of a piece, None if it has to be made."""
        entry = self._journal.entry(piece.key)
        if entry is None or not entry.done or entry.digest != piece.digest:
            return None
        result = TaskResult.from_record(entry.record)
        return result if result.first_pts is None or piece.target.is_file() else None

    def _admit_pieces(self, state: _State, *, fresh: bool) -> None:
        name = state.work.item.name
        for piece in filter(self._mine, state.work.pieces):
            self._states[name] = state
            result = None if fresh else self._finished(piece)
            if result is not None:
                self._meter.expect(piece, done_before=True)
                self._pieces_before += 1
                self._take_piece(piece, result)
                continue
            self._leftovers.discard(piece.target)  # what a killed run had of it
            self._meter.expect(piece)
            self._queue.append(piece)

    def _take_piece(self, piece: Task, result: TaskResult) -> None:
        """Keep the result of a piece; the last one of a video makes the joining the next task."""
        state = self._states[piece.name]
        state.pieces[piece.key] = result
        if len(state.pieces) < len(state.work.pieces) or self._is_shard or piece.name in self._results:
            return
        files: list[PieceFile] = []
        damage: Phrase | None = None
        for each in state.work.pieces:
            done = state.pieces[each.key]
            if done.first_pts is not None:
                files.append(PieceFile(path=each.target, first_pts=done.first_pts))
            if done.damage is not None:
                damage = done.damage
                break
        if files:
            final = replace(state.work.final, pieces=tuple(files), damage=damage)
        else:  # restored as a whole, it reports what is wrong with the video
            final = replace(state.work.final, kind="video")
        self._queue.appendleft(replace(final, overwrite=state.overwrite))

    def _fail(self, event: TaskFailed) -> None:
        task, error = event.task, event.error
        if isinstance(error, WorkerError):
            _log.error("unexpected error: %s\n%s", task.name, error.details or error)
        state = self._states[task.name]
        if not state.ours:
            self._journal.forget(task.key)
        if self._retry and task.key not in self._tried_again and not isinstance(error, BrokenOffError):
            self._tried_again.add(task.key)
            self._meter.again(task)
            self._again.append(replace(task, again=task.again or isinstance(error, WorkerError)))
            return
        self._meter.finish(task, 0)
        if task.name in self._results:
            return  # another piece of the same video has failed before
        if (task.again or isinstance(error, WorkerError)) and not self._is_shard:
            self._leftovers.look_again(state.work.item.target)
        if state.pieces and not (isinstance(error, UnreadableMediaError) and os.path.lexists(task.source)):
            self._worth_keeping = True
        self._drop(task.name)
        self._conclude(ItemFailed(item=state.work.item, error=error))

    def _drop(self, name: str) -> None:
        """Give up the tasks of a video of which one piece has failed."""
        for queue in (self._queue, self._again):
            kept = []
            for task in queue:
                if task.name == name:
                    self._meter.finish(task, 0)
                else:
                    kept.append(task)
            queue.clear()
            queue.extend(kept)

    def _conclude(self, result: ItemDone | ItemFailed) -> None:
        target = result.item.target
        if isinstance(result, ItemFailed) and result.item.kind == "video":
            if (kept := self._leftovers.rescue(target)) is not None:
                result = replace(result, error=_with_rescued(result.error, kept))
        else:
            self._leftovers.discard(target)
        self._results[result.item.name] = result
        self._on_event(result)
        self._tell_progress()

    def _tell_progress(self) -> None:
        self._on_event(
            JobProgress(
                items_done=len(self._results),
                items=self._items,
                frames=self._meter.frames,
                fraction=self._meter.fraction,
                time_left_s=self._meter.time_left_s(),
            )
        )


def _kept_earlier(task: Task) -> Path | None:
    """Return what an earlier run kept of a video that breaks off, None if nothing is known of that."""
    if task.kind not in ("video", "join") or task.identity is None or task.sent_to is not None:
        return None
    return kept_earlier(task.source, task.target, task.identity.modified_ns)


def _broken_off_before(task: Task, kept: Path) -> BrokenOffError:
    return BrokenOffError(
        "{source} breaks off and has not changed since it was restored up to there.",
        "That part is in {kept}. Add --overwrite to restore it again.",
        source=task.fetched_from or task.source,
        kept=kept,
    )


def _with_rescued(error: AppError, kept: Path) -> AppError:
    rescued = phrase("What an interrupted run had restored of it is in {kept}.", kept=kept)
    hint = joined((error.hint_phrase, rescued), " ") if error.hint else rescued
    return type(error)(error.what_phrase, hint)


def _merged(state: _State, whole: TaskResult) -> TaskResult:
    """Return the result of a video from those of its pieces and of joining them."""
    pieces = [state.pieces[piece.key] for piece in state.work.pieces]
    faces = sum(piece.faces for piece in pieces)
    notes = [note for piece in pieces for note in piece.notes]
    engine, k = next(((piece.engine, piece.k) for piece in pieces if piece.engine), (whole.engine, whole.k))
    return TaskResult(
        frames=sum(piece.frames for piece in pieces),
        faces=faces,
        notes=tuple(dict.fromkeys((*notes, *whole.notes, *(() if faces else (NO_FACE,))))),
        timings=tuple(timings for piece in pieces for timings in piece.timings),
        engine=engine,
        k=k,
    )
