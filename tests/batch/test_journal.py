"""The journal: what is written is there after a kill, one process at a time, and damage is kept aside."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.batch.jobs.journal import Journal
from app.batch.jobs.task import Task
from app.core.errors import JournalError, OutputError

ROOT = Path(__file__).parents[2]


def task(key: str = "a.png", digest: str = "1") -> Task:
    return Task(
        key=key, kind="picture", name=key, source=Path(key), target=Path("out") / key, identity=None, digest=digest
    )


def test_what_was_finished_is_there_for_the_next_run(tmp_path: Path) -> None:
    with Journal(tmp_path / "job") as journal:
        journal.start(task("begun.png"), ours=False)
        journal.start(task(), ours=False)
        journal.finish(task(), {"frames": 3})
        journal.start(task("gone.png"), ours=False)
        journal.forget("gone.png")
    with Journal(tmp_path / "job") as journal:
        done, begun = journal.entry("a.png"), journal.entry("begun.png")
        assert done is not None
        assert begun is not None
        assert (done.done, done.digest, done.record) == (True, "1", {"frames": 3})
        assert not begun.done
        assert journal.entry("gone.png") is None
        assert journal.damaged is None


def test_a_removed_journal_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "job") as journal:
        journal.finish(task(), {})
        journal.remove(["a.png"])
    assert list(tmp_path.iterdir()) == []


def test_what_another_job_into_the_same_place_needs_stays(tmp_path: Path) -> None:
    pieces = [tmp_path / "job" / "pieces" / f"{name}.mp4" for name in ("mine", "other")]
    other = tmp_path / "b.png"
    other.touch()
    with Journal(tmp_path / "job") as journal:
        for each in (task("a.png"), replace(task("b.png"), source=other), task("its-input-is-gone.png")):
            journal.finish(each, {})
        pieces[0].parent.mkdir()
        for piece in pieces:
            piece.touch()
        journal.remove(["a.png"], pieces[:1])
    assert [piece.exists() for piece in pieces] == [False, True]
    with Journal(tmp_path / "job") as journal:
        assert journal.entry("a.png") is None
        assert journal.entry("b.png") is not None
        journal.remove(["b.png"], pieces[1:])
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_what_a_disk_that_is_not_mounted_just_now_needs_stays(tmp_path: Path, left: str) -> None:
    source, piece = tmp_path / "disk" / "deep" / "film.mp4", tmp_path / "job" / "pieces" / "film.mp4"
    if left == "an empty folder":
        (tmp_path / "disk").mkdir()
    with Journal(tmp_path / "job") as journal:
        journal.finish(replace(task("deep/film.mp4/#1"), source=source), {})
        piece.parent.mkdir()
        piece.touch()
        journal.remove(["a.png"])
    assert piece.exists()
    (tmp_path / "disk" / "another").mkdir(parents=True)  # it is there, and the film is not on it any more
    with Journal(tmp_path / "job") as journal:
        assert journal.entry("deep/film.mp4/#1") is not None
        journal.remove(["a.png"])
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("ahead_s", [-3600, 0, 3600])
def test_the_newest_of_two_journals_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: int) -> None:
    """Of a shard's row and the one that replaced it, the second one, although the shard's clock is another."""
    now = time.time_ns
    with monkeypatch.context() as elsewhere, Journal(tmp_path / "job", name="shard-1-of-1") as shard:
        elsewhere.setattr(time, "time_ns", lambda: now() + ahead_s * 10**9)
        for name in ("a.png", "b.png"):
            shard.finish(task(name, "the shard's"), {})
    with Journal(tmp_path / "job") as journal:
        journal.take_over("shard-1-of-1")
        journal.finish(task("a.png", "newer"), {})
        journal.take_over("shard-1-of-1")
        entries = [journal.entry(name) for name in ("a.png", "b.png")]
    assert [entry and entry.digest for entry in entries] == ["newer", "the shard's"]
    with Journal(tmp_path / "job", name="shard-1-of-1") as shard:
        monkeypatch.setattr(time, "time_ns", lambda: now() + 7200 * 10**9)
        shard.finish(task("a.png", "newest"), {})
    with Journal(tmp_path / "job") as journal:
        journal.take_over("shard-1-of-1")
        newest = journal.entry("a.png")
    assert newest is not None
    assert newest.digest == "newest"


@pytest.mark.parametrize("at_work", [True, False])
def test_a_shard_of_another_job_keeps_its_journal(tmp_path: Path, at_work: bool) -> None:
    other = tmp_path / "b.png"
    other.touch()
    with Journal(tmp_path / "job") as journal:
        with Journal(tmp_path / "job", name="shard-1-of-2") as shard:
            shard.finish(replace(task("b.png"), source=other), {})
            if at_work:
                journal.remove(["a.png", "b.png"])
        if not at_work:
            journal.remove(["a.png"])
    assert (tmp_path / "job" / "shard-1-of-2.sqlite").exists()
    with Journal(tmp_path / "job") as journal:
        journal.remove(["b.png"])
    assert not (tmp_path / "job").exists()


def test_a_job_of_one_task_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Journal(None) as journal:
        journal.finish(task(), {"frames": 1})
        entry = journal.entry("a.png")
        assert entry is not None
        assert entry.done
        journal.remove(["a.png"])
    assert list(tmp_path.iterdir()) == []


_HOLD = """
import os, sys
from pathlib import Path
from app.batch.jobs.journal import Journal
from tests.batch.test_journal import task
journal = Journal(Path(sys.argv[1]))
journal.finish(task("kept.png"), {})
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_by_name_until_the_first_one_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "job")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        holder = first.stdout.readline().strip()
        with pytest.raises(JournalError) as refusal:
            Journal(tmp_path / "job")
        assert f"process {holder}" in refusal.value.what
        assert str(tmp_path / "job") in refusal.value.what
        first.kill()
    with Journal(tmp_path / "job") as journal:
        assert journal.entry("kept.png") is not None


@pytest.mark.parametrize("content", [b"this is no database" * 50, b"SQLite format 3\0" + b"\7" * 4000])
def test_a_damaged_journal_is_kept_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / ".job"
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(content)
    with Journal(folder) as journal:
        assert journal.damaged == tmp_path / "job.damaged-1.sqlite"
        journal.finish(task(), {})
        journal.remove(["a.png"])
    assert [path.name for path in tmp_path.iterdir()] == ["job.damaged-1.sqlite"]
    assert journal.damaged.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        Journal(tmp_path / "file" / "job")
