"""One contract over every executor: tasks are done, failures named, a cancelled run leaves nothing half-written."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions
from app.batch.executors.processes import ProcessExecutor
from app.batch.jobs.job import RestoreOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import InputIdentity, Task, TaskDone, TaskEvent, TaskFailed, TaskProgress
from app.batch.workforce import WorkerProcess
from app.core.errors import ModelMissingError, UnreadableMediaError, WorkerError
from app.core.settings import Settings
from tests.batch.helpers import files_in, picture
from tests.media_files import numbered_picture, write_video


@pytest.fixture(params=sorted(EXECUTORS))
def executor(request: pytest.FixtureRequest) -> Executor:
    if not EXECUTORS[request.param].is_available():
        pytest.skip(f"{EXECUTORS[request.param].needs} is not installed")
    address = request.getfixturevalue("cluster") if request.param == "dask" else ""
    return EXECUTORS[request.param].make(ExecutorOptions(workers=2, address=address))


SETUP = WorkerSetup(options=RestoreOptions(settings=Settings(k=1), k_is_given=True))


def task_of(source: Path, target: Path, *, kind: str = "picture") -> Task:
    identity = InputIdentity.of(source) if source.exists() else None
    return Task(
        key=source.name,
        kind=kind,  # type: ignore[arg-type]
        name=source.name,
        source=source,
        target=target,
        identity=identity,
        digest="",
    )


def carry_out(
    executor: Executor,
    tasks: list[Task],
    *,
    setup: WorkerSetup = SETUP,
    cancelled: Callable[[], bool] = lambda: False,
    on_event: Callable[[TaskEvent], None] = lambda event: None,
) -> list[TaskEvent]:
    waiting = list(tasks)
    events: list[TaskEvent] = []

    def report(event: TaskEvent) -> None:
        events.append(event)
        on_event(event)

    executor.run(setup, lambda: waiting.pop(0) if waiting else None, report, cancelled)
    return events


def test_each_task_ends_once_and_a_bad_one_does_not_stop_the_others(executor: Executor, tmp_path: Path) -> None:
    good = [picture(tmp_path / "in" / f"{number}.png", shift=number) for number in range(3)]
    bad = tmp_path / "in" / "bad.png"
    bad.write_bytes(b"no picture")
    tasks = [task_of(path, tmp_path / "out" / path.name) for path in (good[0], bad, *good[1:])]
    ends = [event for event in carry_out(executor, tasks) if not isinstance(event, TaskProgress)]
    assert sorted(event.task.name for event in ends) == ["0.png", "1.png", "2.png", "bad.png"]
    (failure,) = [event for event in ends if isinstance(event, TaskFailed)]
    assert isinstance(failure.error, UnreadableMediaError)
    assert "bad.png" in failure.error.what
    for event in ends:
        if isinstance(event, TaskDone):
            assert (event.result.frames, event.result.faces, event.result.k) == (1, 1, 1)
            assert event.result.engine is not None
            assert len(event.result.timings) == 1
    assert files_in(tmp_path / "out") == ["0.png", "1.png", "2.png"]


def test_tasks_that_come_up_on_the_way_are_done_too(executor: Executor, tmp_path: Path) -> None:
    first = task_of(picture(tmp_path / "a.png"), tmp_path / "out" / "a.png")
    second = task_of(picture(tmp_path / "b.png"), tmp_path / "out" / "b.png")
    waiting = [first]

    def report(event: TaskEvent) -> None:
        if isinstance(event, TaskDone) and event.task is not second and event.task.name == "a.png":
            waiting.append(second)

    executor.run(SETUP, lambda: waiting.pop() if waiting else None, report, lambda: False)
    assert files_in(tmp_path / "out") == ["a.png", "b.png"]


def test_a_missing_model_is_the_whole_jobs_error(executor: Executor, tmp_path: Path) -> None:
    setup = replace(SETUP, options=RestoreOptions(settings=Settings(restorer="magic")))
    with pytest.raises(ModelMissingError, match="magic"):
        carry_out(executor, [task_of(picture(tmp_path / "a.png"), tmp_path / "b.png")], setup=setup)


def test_a_surprise_is_a_failure_with_its_traceback(executor: Executor, tmp_path: Path) -> None:
    task = replace(task_of(picture(tmp_path / "a.png"), tmp_path / "b.png"), fetched_from="no file")  # type: ignore[arg-type]
    (event,) = carry_out(executor, [task])
    assert isinstance(event, TaskFailed)
    assert isinstance(event.error, WorkerError)
    assert "Traceback" in event.error.details


def test_an_input_that_changed_since_it_was_planned_is_refused(executor: Executor, tmp_path: Path) -> None:
    task = task_of(picture(tmp_path / "a.png"), tmp_path / "out.png")
    picture(tmp_path / "a.png", shift=9)
    (event,) = carry_out(executor, [task])
    assert isinstance(event, TaskFailed)
    assert "changed" in event.error.what
    assert files_in(tmp_path) == ["a.png"]


def test_a_cancelled_video_leaves_nothing(executor: Executor, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", [numbered_picture(0)] * 2000, options={"preset": "ultrafast"})
    task = task_of(tmp_path / "long.mp4", tmp_path / "out" / "long.mp4", kind="video")
    seen: list[TaskEvent] = []
    events = carry_out(executor, [task], cancelled=lambda: bool(seen), on_event=seen.append)
    assert events
    assert all(isinstance(event, TaskProgress) for event in events)
    assert files_in(tmp_path / "out") == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_a_worker_that_is_killed_loses_its_task_to_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    started = WorkerProcess.give

    def give(self: WorkerProcess, task: Task) -> None:
        started(self, task)
        pids.append(self.process.pid or 0)
        if len(pids) == 1:
            os.kill(pids[0], signal.SIGKILL)

    monkeypatch.setattr(WorkerProcess, "give", give)
    task = task_of(picture(tmp_path / "a.png"), tmp_path / "out.png")
    (event,) = carry_out(ProcessExecutor(ExecutorOptions(workers=2)), [task])
    assert isinstance(event, TaskDone)
    assert len(set(pids)) == 2
