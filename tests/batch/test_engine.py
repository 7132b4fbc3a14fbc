"""Jobs as a person sees them: what an interruption costs, and what a finished one leaves behind."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.batch.background import BackgroundJob
from app.batch.engine import Shard, run_job
from app.batch.executors.base import ExecutorOptions
from app.batch.executors.inline import InlineExecutor
from app.batch.jobs.events import ItemDone, ItemFailed, JobEvent, JobReport
from app.batch.jobs.job import Job, RestoreOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import InputIdentity, Task, TaskEvent, TaskFailed
from app.batch.workforce import WorkerProcess
from app.core.errors import AppError, JournalError, OutputError, SettingError, UnreadableMediaError, WorkerError
from app.core.settings import Settings
from tests.batch.helpers import Seen, album, files_in, job_of, picture, pixels, rows
from tests.batch.test_journal import task
from tests.batch.test_video import pictures, sound_packets
from tests.media_files import number_of, numbered_picture, write_video

NAMES = ["00.png", "01.png", "02.png", "03.png"]


def interrupted(tmp_path: Path, *, after: int = 2) -> Seen:
    """Restore an album of four and stop after some of them."""
    seen = Seen(stop_after=after)
    job = job_of(album(tmp_path / "in", 4), tmp_path / "out")
    report = run_job(job, on_event=seen, cancelled=seen.cancelled)
    assert report.cancelled
    return seen


def again(tmp_path: Path, *, k: int = 1, fresh: bool = False) -> Seen:
    seen = Seen()
    report = run_job(job_of(tmp_path / "in", tmp_path / "out", k=k), on_event=seen, fresh=fresh)
    assert not report.cancelled
    assert files_in(tmp_path / "out") == NAMES
    return seen


class _Killed:
    """An executor that is killed amid its first task."""

    def run(self, setup: WorkerSetup, next_task: Callable[[], Task | None], *_: object) -> None:
        assert next_task() is not None
        raise KeyboardInterrupt


def test_an_older_result_is_not_taken_for_that_of_a_task_that_was_killed(tmp_path: Path) -> None:
    interrupted(tmp_path)
    older = pixels(tmp_path / "out" / NAMES[0])
    with pytest.raises(KeyboardInterrupt):
        run_job(job_of(tmp_path / "in", tmp_path / "out", k=2), executor=_Killed())
    seen = again(tmp_path, k=2)
    assert (seen.restored, seen.resumed) == (NAMES, [])
    assert not np.array_equal(pixels(tmp_path / "out" / NAMES[0]), older)


def test_a_shard_that_was_killed_keeps_no_older_result(tmp_path: Path) -> None:
    job = job_of(album(tmp_path / "in", 2), tmp_path / "out")
    whole = Shard(number=1, count=1)
    run_job(job, shard=whole)
    with pytest.raises(KeyboardInterrupt):
        run_job(job_of(tmp_path / "in", tmp_path / "out", k=2), shard=whole, executor=_Killed())
    seen = Seen()
    run_job(job_of(tmp_path / "in", tmp_path / "out", k=2), on_event=seen)
    assert seen.restored == NAMES[:2]


def test_a_result_that_replaced_a_shards_is_not_taken_for_it(tmp_path: Path) -> None:
    job = job_of(album(tmp_path / "in", 4), tmp_path / "out")
    run_job(job, shard=Shard(number=1, count=1))
    first = [pixels(tmp_path / "out" / name) for name in NAMES]
    seen = Seen(stop_after=2)
    run_job(job_of(tmp_path / "in", tmp_path / "out", k=2), on_event=seen, cancelled=seen.cancelled)
    with pytest.raises(JournalError, match=r"2 tasks are not done yet, first 00\.png"):
        run_job(job, join=True)
    seen = again(tmp_path)
    assert (seen.restored, seen.resumed) == (NAMES[:2], NAMES[2:])
    assert all(np.array_equal(pixels(tmp_path / "out" / name), one) for name, one in zip(NAMES, first, strict=True))


def test_an_older_result_stays_the_jobs_own_when_its_input_fails_meanwhile(tmp_path: Path) -> None:
    interrupted(tmp_path)
    (tmp_path / "in" / NAMES[0]).write_bytes(b"no picture")
    seen = Seen(stop_after=1)
    run_job(job_of(tmp_path / "in", tmp_path / "out", k=2), on_event=seen, cancelled=seen.cancelled)
    assert seen.failed == [NAMES[0]]
    album(tmp_path / "in", 1)
    seen = again(tmp_path, k=2)
    assert NAMES[0] in seen.restored
    assert not seen.started[0].kept


def test_a_refused_job_leaves_no_folder(tmp_path: Path) -> None:
    long_video(tmp_path / "film.mp4")
    (tmp_path / "out.mp4").write_bytes(b"a person's own")
    with pytest.raises(OutputError, match="is there already"):
        run_job(job_of(tmp_path / "film.mp4", tmp_path / "out.mp4"))
    options = RestoreOptions(settings=Settings(restorer="pfsrnet", k=2), k_is_given=True)
    twice = Job(input=str(tmp_path / "film.mp4"), output=str(tmp_path / "new.mp4"), options=options)
    with pytest.raises(SettingError, match="not 2 times"):
        run_job(twice, executor=InlineExecutor(ExecutorOptions()))
    assert files_in(tmp_path) == ["film.mp4", "out.mp4"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("there", [False, True])
def test_a_refused_job_leaves_no_folder_that_was_not_there(tmp_path: Path, there: bool) -> None:
    album(tmp_path / "in", 2)
    if there:
        (tmp_path / "new").mkdir()
    options = RestoreOptions(settings=Settings(restorer="pfsrnet", k=2), k_is_given=True)
    job = Job(input=str(tmp_path / "in"), output=str(tmp_path / "new" / "deep"), options=options)
    with pytest.raises(SettingError, match="not 2 times"):
        run_job(job, executor=InlineExecutor(ExecutorOptions()))
    assert sorted(path.name for path in tmp_path.iterdir()) == (["in", "new"] if there else ["in"])
    assert not list((tmp_path / "new").rglob("*"))


def test_a_part_of_a_worker_that_died_goes_when_another_one_is_done(tmp_path: Path) -> None:
    class DiesOnce(InlineExecutor):
        def run(self, setup: WorkerSetup, next_task: Callable[[], Task | None], *rest: Any) -> None:
            def repeated() -> Task | None:
                if (task := next_task()) is None:
                    return None
                part = task.target.with_name(task.target.name + ".0123abcd.part")
                part.write_bytes(b"of a worker that died")
                return task.repeated()

            super().run(setup, repeated, *rest)

    (tmp_path / "out").mkdir()
    report = run_job(job_of(album(tmp_path / "in", 2), tmp_path / "out"), executor=DiesOnce(ExecutorOptions()))
    assert not report.failed
    assert files_in(tmp_path / "out") == NAMES[:2]


@pytest.mark.parametrize("repeated", [False, True])
def test_a_part_of_a_worker_that_died_goes_when_the_retry_is_done(tmp_path: Path, repeated: bool) -> None:
    class Dies(InlineExecutor):
        """Loses its first task for good, by itself (as a cluster does) or after it was `repeated`."""

        def run(
            self,
            setup: WorkerSetup,
            next_task: Callable[[], Task | None],
            report: Callable[[TaskEvent], None],
            cancelled: Callable[[], bool],
        ) -> None:
            lost = next_task()
            assert lost is not None
            lost.target.with_name(lost.target.name + ".0123abcd.part").write_bytes(b"of a worker that died")
            report(TaskFailed(task=lost.repeated() if repeated else lost, error=WorkerError("It died.")))
            super().run(setup, next_task, report, cancelled)

    (tmp_path / "out").mkdir()
    job = job_of(album(tmp_path / "in", 2), tmp_path / "out")
    assert not run_job(job, executor=Dies(ExecutorOptions()), retry=True).failed
    assert files_in(tmp_path / "out") == NAMES[:2]


@pytest.mark.parametrize("asked", [False, True])
def test_times_of_every_frame_are_kept_when_asked_for(tmp_path: Path, asked: bool) -> None:
    report = run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), timings=asked)
    (done,) = report.results
    assert isinstance(done, ItemDone)
    assert len(done.result.timings) == asked


def test_a_finished_job_leaves_only_its_results(tmp_path: Path) -> None:
    seen = Seen()
    report = run_job(job_of(album(tmp_path / "in", 4), tmp_path / "out"), on_event=seen)
    assert seen.restored == NAMES
    assert [result.item.name for result in report.results] == NAMES
    assert files_in(tmp_path / "out") == NAMES
    assert seen.progress[-1].fraction == 1
    assert seen.progress[-1].items_done == 4


def test_the_same_job_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = interrupted(tmp_path)
    assert rows(tmp_path / "out" / ".cfrnet-job" / "journal.sqlite") == 2
    stamps = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in first.restored}
    seen = again(tmp_path)
    assert (seen.resumed, seen.restored) == (NAMES[:2], NAMES[2:])
    assert seen.started[0].resumed == 2
    assert stamps == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in first.restored}
    whole = tmp_path / "whole"
    run_job(job_of(tmp_path / "in", whole))
    assert all(np.array_equal(pixels(whole / name), pixels(tmp_path / "out" / name)) for name in NAMES)


def test_fresh_begins_anew(tmp_path: Path) -> None:
    interrupted(tmp_path)
    assert again(tmp_path, fresh=True).restored == NAMES


def test_other_settings_are_done_anew(tmp_path: Path) -> None:
    interrupted(tmp_path)
    before = pixels(tmp_path / "out" / NAMES[0])
    assert again(tmp_path, k=3).restored == NAMES
    assert not np.array_equal(pixels(tmp_path / "out" / NAMES[0]), before)


@pytest.mark.parametrize("change", ["input", "time", "result"])
def test_what_changed_in_between_is_done_anew(tmp_path: Path, change: str) -> None:
    interrupted(tmp_path)
    if change == "input":
        picture(tmp_path / "in" / NAMES[1], shift=50)
    elif change == "time":
        os.utime(tmp_path / "in" / NAMES[1], ns=(0, 0))
    else:
        (tmp_path / "out" / NAMES[1]).unlink()
    assert again(tmp_path).restored == NAMES[1:]


def test_a_failed_file_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    album(tmp_path / "in", 2)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    seen = Seen()
    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=seen)
    assert (seen.restored, seen.failed, report.failed) == (NAMES[:2], ["bad.png"], 1)
    assert isinstance(report.results[2], ItemFailed)
    assert isinstance(report.results[2].error, UnreadableMediaError)
    assert files_in(tmp_path / "out") == NAMES[:2]


def test_retry_gives_a_failed_file_a_second_chance_at_the_end(tmp_path: Path) -> None:
    album(tmp_path / "in", 2)
    late = tmp_path / "in" / "00.png"
    late.write_bytes(b"not yet")
    seen = Seen()

    def arrive(event: JobEvent) -> None:
        seen(event)
        if seen.restored == ["01.png"]:
            picture(late)

    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=arrive, retry=True)
    assert (seen.restored, seen.failed, report.failed) == (["01.png", "00.png"], [], 0)


def test_retry_restores_a_video_that_became_whole_in_one_go(tmp_path: Path) -> None:
    """It is long enough to be cut, but was planned as one task when nothing of it could be read."""
    album(tmp_path / "in", 1)
    late = tmp_path / "in" / "z.mp4"
    late.write_bytes(b"not yet")
    write_video(tmp_path / "whole.mp4", [numbered_picture(i) for i in range(225)])
    seen = Seen()

    def arrive(event: JobEvent) -> None:
        if isinstance(event, ItemFailed):
            pytest.fail(str(event.error))
        seen(event)
        if seen.restored == NAMES[:1] and late.stat().st_size < 100:
            late.write_bytes((tmp_path / "whole.mp4").read_bytes())

    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=arrive, retry=True)
    assert (seen.restored, report.failed) == (["00.png", "z.mp4"], 0)
    assert len(list(pictures(tmp_path / "out" / "z.mp4"))) == 225


def test_the_result_of_another_folder_is_not_replaced_without_being_asked_to(tmp_path: Path) -> None:
    interrupted(tmp_path)
    first = pixels(tmp_path / "out" / "00.png")
    for number in range(2):
        picture(tmp_path / "other" / NAMES[number], shift=50)
    seen = Seen()
    run_job(job_of(tmp_path / "other", tmp_path / "out"), on_event=seen)
    assert np.array_equal(pixels(tmp_path / "out" / "00.png"), first)
    assert [item.name for item in seen.started[0].kept] == NAMES[:2]


def test_a_folder_that_can_be_listed_and_not_entered_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(tmp_path / "in", 1)
    picture(tmp_path / "in" / "odd" / "x.png")
    is_file = Path.is_file

    def refused(path: Path) -> bool:
        if path.parent.name == "odd":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)
    seen = Seen()
    assert run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=seen).failed == 1
    assert (seen.restored, seen.failed) == (["00.png"], ["odd"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no names that are not UTF-8")
def test_a_name_that_is_not_utf8_is_restored_and_known_again(tmp_path: Path) -> None:
    album(tmp_path / "in", 2)
    odd = tmp_path / "in" / os.fsdecode(b"caf\xe9.png")
    picture(tmp_path / "odd.png", shift=7).rename(odd)
    seen = Seen(stop_after=1)
    job = job_of(tmp_path / "in", tmp_path / "out")
    assert run_job(job, on_event=seen, cancelled=seen.cancelled).cancelled
    report = run_job(job, on_event=seen)
    assert report.failed == 0
    assert (tmp_path / "out" / odd.name).is_file()
    assert run_job(job_of(odd, tmp_path / "single.png"), on_event=Seen()).failed == 0


def test_retry_tries_once(tmp_path: Path) -> None:
    album(tmp_path / "in", 1)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    seen = Seen()
    assert run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=seen, retry=True).failed == 1
    assert (seen.restored, seen.failed) == (NAMES[:1], ["bad.png"])


def test_several_processes_give_the_same_pictures(tmp_path: Path) -> None:
    job = job_of(album(tmp_path / "in", 4), tmp_path / "out")
    seen = Seen()
    run_job(job, workers=2, on_event=seen)
    assert sorted(seen.restored) == NAMES
    run_job(job_of(tmp_path / "in", tmp_path / "whole"), executor=InlineExecutor(ExecutorOptions()))
    assert all(np.array_equal(pixels(tmp_path / "whole" / name), pixels(tmp_path / "out" / name)) for name in NAMES)


def test_a_job_in_the_background_is_cancelled_and_goes_on(tmp_path: Path, no_thread_is_left: None) -> None:
    album(tmp_path / "in", 4)
    seen, ends = Seen(), []

    def stop(event: JobEvent) -> None:
        seen(event)
        if seen.restored:
            background.cancel()

    job = job_of(tmp_path / "in", tmp_path / "out")
    background = BackgroundJob(job, on_event=stop, on_end=ends.append)
    assert background.wait(60)
    (report,) = ends
    assert isinstance(report, JobReport)
    assert report.cancelled
    ends.clear()
    assert BackgroundJob(job, on_event=lambda event: None, on_end=ends.append).wait(60)
    assert not ends[0].cancelled
    assert files_in(tmp_path / "out") == NAMES


def test_a_job_that_makes_no_sense_ends_in_its_error(tmp_path: Path) -> None:
    ends: list[JobReport | AppError] = []
    job = job_of(tmp_path / "nothing", tmp_path / "out")
    assert BackgroundJob(job, on_event=lambda event: None, on_end=ends.append).wait(60)
    assert isinstance(ends[0], UnreadableMediaError)


def test_two_runs_of_one_job_at_once_are_refused(tmp_path: Path) -> None:
    job = job_of(album(tmp_path / "in", 3), tmp_path / "out")
    refusals: list[str] = []

    def second(event: JobEvent) -> None:
        if not refusals:
            with pytest.raises(JournalError) as refusal:
                run_job(job)
            refusals.append(refusal.value.what)

    run_job(job, on_event=second)
    assert "in use" in refusals[0]
    assert files_in(tmp_path / "out") == NAMES[:3]


def test_files_that_were_there_are_kept_and_named_unless_they_are_to_be_replaced(tmp_path: Path) -> None:
    album(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAMES[1]).write_text("a person's own")
    seen = Seen()
    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=seen)
    assert [item.name for item in seen.started[0].kept] == [NAMES[1]]
    assert (seen.restored, report.cancelled) == ([NAMES[0], NAMES[2]], False)
    assert (tmp_path / "out" / NAMES[1]).read_text() == "a person's own"
    run_job(replace(job_of(tmp_path / "in", tmp_path / "out"), overwrite=True))
    assert pixels(tmp_path / "out" / NAMES[1]).shape == (320, 320, 3)


def test_a_folder_that_grew_costs_the_new_files_only(tmp_path: Path) -> None:
    run_job(job_of(album(tmp_path / "in", 2), tmp_path / "out"))
    album(tmp_path / "in", 4)
    seen = Seen()
    run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=seen)
    assert seen.restored == NAMES[2:]
    assert files_in(tmp_path / "out") == NAMES


def long_video(path: Path, seconds: int = 17) -> Path:
    """A long enough video to be cut into four, of numbered pictures that are quick to restore: nobody is in them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, [numbered_picture(number) for number in range(6 * seconds)], fps=6, sound=True)
    return path


def test_a_video_goes_on_from_its_finished_pieces(tmp_path: Path) -> None:
    source = long_video(tmp_path / "film.mp4")
    original = source.read_bytes()
    job = job_of(source, tmp_path / "new.mp4")
    seen = Seen()
    report = run_job(job, on_event=seen, cancelled=lambda: seen.frames > 30)
    assert report.cancelled
    assert not (tmp_path / "new.mp4").exists()
    folder = tmp_path / ".new.mp4.cfrnet-job"
    assert rows(folder / "journal.sqlite") == len(list((folder / "pieces").iterdir())) == 1
    seen = Seen()
    report = run_job(job, on_event=seen)
    assert (seen.started[0].pieces, seen.started[0].resumed) == (1, 0)
    assert seen.frames < 102
    assert files_in(tmp_path) == ["film.mp4", "new.mp4"]
    (done,) = report.results
    assert isinstance(done, ItemDone)
    assert (done.result.frames, done.result.faces) == (102, 0)
    assert any("no face" in str(note) for note in done.result.notes)
    assert [number_of(image) for image in pictures(tmp_path / "new.mp4")] == list(range(102))
    assert sound_packets(tmp_path / "new.mp4") == sound_packets(source)
    assert source.read_bytes() == original


def test_a_killed_run_leaves_no_part_of_a_piece_to_the_next_one(tmp_path: Path) -> None:
    job = job_of(long_video(tmp_path / "film.mp4"), tmp_path / "new.mp4")
    seen = Seen()
    run_job(job, on_event=seen, cancelled=lambda: seen.frames > 30)
    pieces = tmp_path / ".new.mp4.cfrnet-job" / "pieces"
    (finished,) = pieces.iterdir()
    part = finished.with_name(finished.name.replace("00001", "00002") + ".0123abcd.part")
    part.write_bytes(b"of a run that was killed")
    there: list[bool] = []
    run_job(job, on_event=lambda event: there.append(part.exists()))
    assert not any(there)


@pytest.mark.parametrize("seconds", [9, 1])
def test_no_piece_of_an_older_version_of_a_video_stays(tmp_path: Path, seconds: int) -> None:
    """The new version is cut into fewer pieces, or into none."""
    job = job_of(long_video(tmp_path / "film.mp4"), tmp_path / "new.mp4")
    seen = Seen()
    assert run_job(job, on_event=seen, cancelled=lambda: seen.frames > 80).cancelled
    assert len(list((tmp_path / ".new.mp4.cfrnet-job" / "pieces").iterdir())) == 3
    long_video(tmp_path / "film.mp4", seconds=seconds)
    assert not run_job(job).failed
    assert len(pictures(tmp_path / "new.mp4")) == 6 * seconds
    assert files_in(tmp_path) == ["film.mp4", "new.mp4"]


def test_another_job_keeps_no_piece_of_an_older_version_of_a_video(tmp_path: Path) -> None:
    """Of a folder whose journal stays, because another job into the same place was interrupted."""
    long_video(tmp_path / "in" / "film.mp4")
    seen = Seen()
    job = job_of(tmp_path / "in", tmp_path / "out")
    assert run_job(job, on_event=seen, cancelled=lambda: seen.frames > 80).cancelled
    seen = Seen(stop_after=1)
    run_job(job_of(album(tmp_path / "others", 2), tmp_path / "out"), on_event=seen, cancelled=seen.cancelled)
    long_video(tmp_path / "in" / "film.mp4", seconds=9)
    assert not run_job(job).failed
    assert [name for name in files_in(tmp_path / "out") if "pieces" in name] == []
    assert rows(tmp_path / "out" / ".cfrnet-job" / "journal.sqlite") == 1


def test_finished_pieces_stay_when_the_disk_of_their_video_goes_away(tmp_path: Path) -> None:
    long_video(tmp_path / "in" / "film.mp4")
    seen = Seen()

    def unplug(event: JobEvent) -> None:
        seen(event)
        if seen.frames > 30 and (tmp_path / "in").exists():
            (tmp_path / "in").rename(tmp_path / "unplugged")

    job = job_of(tmp_path / "in", tmp_path / "out")
    assert run_job(job, on_event=unplug).resumable
    (tmp_path / "unplugged").rename(tmp_path / "in")
    seen = Seen()
    assert not run_job(job, on_event=seen).failed
    assert seen.started[0].pieces >= 1
    assert files_in(tmp_path / "out") == ["film.mp4"]


def test_a_video_is_shared_out_among_processes(tmp_path: Path) -> None:
    long_video(tmp_path / "in" / "film.mp4")
    picture(tmp_path / "in" / "a.png")
    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), workers=2)
    assert not report.failed
    assert files_in(tmp_path / "out") == ["a.png", "film.mp4"]
    assert [number_of(image) for image in pictures(tmp_path / "out" / "film.mp4")] == list(range(102))


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_a_worker_that_dies_leaves_no_part_of_its_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The piece is done again by another worker, in the same run; the dead one's `.part` is gone with the job."""
    workers: list[WorkerProcess] = []
    started = WorkerProcess.give

    def give(self: WorkerProcess, task: Task) -> None:
        workers.append(self)
        started(self, task)

    monkeypatch.setattr(WorkerProcess, "give", give)
    source = long_video(tmp_path / "in" / "film.mp4", seconds=30)
    picture(tmp_path / "in" / "a.png")
    orphaned: list[Path] = []

    def kill_once(event: JobEvent) -> None:
        if not orphaned and (parts := list((tmp_path / "out").rglob("pieces/*.part"))):
            for worker in workers:
                worker.process.kill()
                worker.process.join()
            orphaned.extend(part for part in parts if part.exists())

    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), on_event=kill_once, workers=2)
    assert orphaned, "no worker was killed while it wrote"
    assert not report.failed
    assert files_in(tmp_path / "out") == ["a.png", "film.mp4"]
    assert [number_of(image) for image in pictures(tmp_path / "out" / "film.mp4")] == list(range(180))
    assert sound_packets(tmp_path / "out" / "film.mp4") == sound_packets(source)


def test_a_video_that_changes_while_it_is_restored_is_refused(tmp_path: Path) -> None:
    source = long_video(tmp_path / "film.mp4")
    seen = Seen()

    def touch(event: JobEvent) -> None:
        seen(event)
        os.utime(source, ns=(0, 0))

    report = run_job(job_of(source, tmp_path / "new.mp4"), on_event=touch)
    (failed,) = report.results
    assert isinstance(failed, ItemFailed)
    assert "changed" in failed.error.what
    assert files_in(tmp_path) == ["film.mp4"]


def test_shards_do_disjoint_parts_and_are_joined_at_the_end(tmp_path: Path) -> None:
    long_video(tmp_path / "in" / "film.mp4")
    album(tmp_path / "in", 3)
    job = job_of(tmp_path / "in", tmp_path / "out")
    written: list[str] = []
    for number in (2, 1):  # every picture is the second's
        with pytest.raises(JournalError, match=r"not done yet, first .*"):
            run_job(job, join=True)
        seen = Seen()
        run_job(job, shard=Shard(number=number, count=2), on_event=seen)
        written += seen.restored
        assert seen.started[0].kept == ()
        assert not (tmp_path / "out" / "film.mp4").exists()
    assert sorted(written) == NAMES[:3]
    pieces = list((tmp_path / "out" / ".cfrnet-job" / "pieces").iterdir())
    stamps = {path.name: path.stat().st_mtime_ns for path in pieces}
    assert len(stamps) == 4
    report = run_job(job, join=True)
    assert not report.failed
    assert files_in(tmp_path / "out") == [*NAMES[:3], "film.mp4"]
    assert [number_of(image) for image in pictures(tmp_path / "out" / "film.mp4")] == list(range(102))


def test_another_job_into_the_same_folder_leaves_the_pieces_of_an_unfinished_one(tmp_path: Path) -> None:
    long_video(tmp_path / "in" / "film.mp4")
    picture(tmp_path / "in" / "a.png")
    album(tmp_path / "others", 2)
    job = job_of(tmp_path / "in", tmp_path / "out")
    run_job(job, shard=Shard(number=1, count=1))
    assert not run_job(job_of(tmp_path / "others", tmp_path / "out")).failed
    assert not run_job(job, join=True).failed
    assert len(pictures(tmp_path / "out" / "film.mp4")) == 102
    assert not (tmp_path / "out" / ".cfrnet-job").exists()


def test_joining_keeps_what_shards_made_for_the_place_of_an_older_file(tmp_path: Path) -> None:
    """The shards were told to replace it and the joining was not: then it says so, and a second one can."""
    long_video(tmp_path / "in" / "film.mp4")
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "out" / "film.mp4.png").rename(tmp_path / "out" / "film.mp4")
    job = replace(job_of(tmp_path / "in", tmp_path / "out"), overwrite=True)
    run_job(job, shard=Shard(number=1, count=1))
    with pytest.raises(OutputError, match="is there already"):
        run_job(replace(job, overwrite=False), join=True)
    assert list((tmp_path / "out" / ".cfrnet-job" / "pieces").iterdir())
    assert not run_job(job, join=True).failed
    assert len(pictures(tmp_path / "out" / "film.mp4")) == 102


def test_a_shard_opens_no_picture_of_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album(tmp_path / "in", 4)
    opened: set[str] = set()
    identity = InputIdentity.of

    def watched(path: Path) -> InputIdentity:
        opened.add(path.name)
        return identity(path)

    monkeypatch.setattr(InputIdentity, "of", watched)
    for number in (1, 2, 3):
        opened.clear()
        seen = Seen()
        run_job(job_of(tmp_path / "in", tmp_path / "out"), shard=Shard(number=number, count=3), on_event=seen)
        assert sorted(opened) == seen.restored
    assert files_in(tmp_path / "out")[-4:] == NAMES


def test_every_task_belongs_to_one_shard() -> None:
    tasks = [task(f"{number}.png") for number in range(200)]
    parts = [[each.key for each in tasks if Shard(number=i, count=7).has(each.key)] for i in range(1, 8)]
    assert sorted(key for part in parts for key in part) == sorted(each.key for each in tasks)
    assert min(map(len, parts)) > 10
