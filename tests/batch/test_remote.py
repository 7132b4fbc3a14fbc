"""Inputs and outputs behind addresses: fetched and sent by the workers, and no password is ever shown."""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from app.batch.engine import Shard, run_job
from app.batch.executors import EXECUTORS
from app.batch.executors.base import ExecutorOptions
from app.batch.jobs.events import ItemFailed, JobReport
from app.batch.jobs.job import Job
from app.batch.jobs.plan import is_done, plan
from app.batch.jobs.task import Task
from app.batch.jobs.work import work_for
from app.batch.staging import staged
from app.core.errors import AppError, JournalError, OutputError, UnreadableMediaError
from app.media.remote import RemoteFile
from tests.batch.helpers import Seen, album, files_in, job_of, picture, pixels
from tests.batch.test_video import pictures
from tests.ftp_server import PASSWORD, USER, ftp_address, ftp_server
from tests.media_files import numbered_picture, write_video

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    with ftp_server(tmp_path / "served") as place:
        yield place


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "state"))
    return tmp_path / "state"


def at(source: str, target: str) -> Job:
    return replace(job_of(Path(), Path()), input=source, output=target)


def failures(report: JobReport) -> list[str]:
    return [str(result.error) for result in report.results if isinstance(result, ItemFailed)]


def test_a_folder_behind_an_address_becomes_one_behind_an_address(server: str, tmp_path: Path) -> None:
    album(tmp_path / "served" / "in" / "deep", 2)
    picture(tmp_path / "served" / "in" / "top.png", shift=9)
    (tmp_path / "served" / "in" / ".hidden.png").write_bytes(b"no")
    report = run_job(at(ftp_address(server, "in"), ftp_address(server, "out")))
    assert not report.failed, failures(report)
    assert files_in(tmp_path / "served" / "out") == ["deep/00.png", "deep/01.png", "top.png"]
    run_job(job_of(tmp_path / "served" / "in", tmp_path / "here"))
    for name in files_in(tmp_path / "here"):
        assert np.array_equal(pixels(tmp_path / "served" / "out" / name), pixels(tmp_path / "here" / name))


def test_a_job_goes_on_where_it_stopped_and_leaves_nothing(server: str, tmp_path: Path, state: Path) -> None:
    album(tmp_path / "served" / "in", 3)
    job = at(ftp_address(server, "in"), ftp_address(server, "out"))
    seen = Seen(stop_after=1)
    assert run_job(job, on_event=seen, cancelled=seen.cancelled).cancelled
    (journal,) = state.rglob("journal.sqlite")
    stored = journal.read_bytes()
    assert PASSWORD.encode() not in stored
    assert USER.encode() not in stored
    again = Seen()
    run_job(job, on_event=again)
    assert again.started[0].resumed == 1
    assert len(files_in(tmp_path / "served" / "out")) == 3
    assert not list(state.rglob("journal.sqlite"))


def test_a_picture_here_can_be_sent_and_one_there_be_fetched(server: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    run_job(at(str(source), ftp_address(server, "b.png")))
    run_job(at(ftp_address(server, "b.png"), str(tmp_path / "c.png")))
    assert files_in(tmp_path / "served") == ["b.png"]
    assert pixels(tmp_path / "c.png").shape == pixels(source).shape
    with pytest.raises(OutputError, match="is there already"):
        run_job(at(str(source), ftp_address(server, "b.png")))
    before = (tmp_path / "served" / "b.png").stat().st_mtime_ns
    run_job(replace(at(str(source), ftp_address(server, "b.png")), overwrite=True))
    assert (tmp_path / "served" / "b.png").stat().st_mtime_ns != before


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    source = picture(tmp_path / "with space.png")
    report = run_job(at(source.as_uri(), (tmp_path / "out.png").as_uri()))
    (done,) = report.results
    assert (done.item.source, done.item.target) == (source, tmp_path / "out.png")
    assert done.item.fetched_from is done.item.sent_to is None


def test_any_kind_of_address_goes_through_the_same_door(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/album/a.png", picture(tmp_path / "a.png").read_bytes())
    try:
        report = run_job(at("memory://album", str(tmp_path / "out")))
        assert not report.failed
        assert files_in(tmp_path / "out") == ["a.png"]
    finally:
        memory.rm("/album", recursive=True)


def test_a_file_goes_into_a_folder_that_its_address_says_to_make(tmp_path: Path) -> None:
    (item,) = plan(str(picture(tmp_path / "a.png")), "memory://new/folder/", aligned=False)
    assert str(item.sent_to) == "memory://new/folder/a.png"


def test_the_query_of_an_address_is_no_part_of_a_name(tmp_path: Path) -> None:
    file = RemoteFile.of("https://h/b/a.jpg?x=1&t=image%2Fjpeg&token=q")
    assert (file.name, file.shown_path().suffix, file.shown_path().name) == ("a.jpg", ".jpg", "a.jpg")
    assert str(file) == "https://h/b/a.jpg?x=1&t=image%2Fjpeg&token=…"
    memory = fsspec.filesystem("memory")
    memory.pipe("/album/a.png?token=q", picture(tmp_path / "a.png").read_bytes())
    try:
        (item,) = plan("memory://album/a.png?token=q", f"{tmp_path}/out/", aligned=False)
        assert (item.kind, item.name, item.target) == ("picture", "a.png", tmp_path / "out" / "a.png")
        assert not run_job(at("memory://album/a.png?token=q", f"{tmp_path}/out/")).failed
        assert files_in(tmp_path / "out") == ["a.png"]
    finally:
        memory.rm("/album", recursive=True)


def test_originals_behind_an_address_are_neither_replaced_nor_mixed_with_results(server: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "served" / "in" / "a.png")
    original = source.read_bytes()
    for same in (("in", "in"), ("in/a.png", "in/a.png"), ("in/a.png", "in/")):
        job = replace(at(*(ftp_address(server, name) for name in same)), overwrite=True)
        with pytest.raises(OutputError, match="is the input itself"):
            run_job(job)
    assert source.read_bytes() == original
    with pytest.raises(OutputError, match="holds the input"):
        run_job(replace(at(ftp_address(server, "in"), ftp_address(server, "")), overwrite=True))
    job = at(ftp_address(server, "in"), ftp_address(server, "in/out"))
    for _ in range(2):
        run_job(job)
        assert files_in(tmp_path / "served") == ["in/a.png", "in/out/a.png"]


def test_several_processes_fetch_and_send_by_themselves(server: str, tmp_path: Path) -> None:
    album(tmp_path / "served" / "in", 3)
    job = at(ftp_address(server, "in"), ftp_address(server, "out"))
    report = run_job(job, executor=EXECUTORS["processes"].make(ExecutorOptions(workers=2)))
    assert not report.failed
    assert len(files_in(tmp_path / "served" / "out")) == 3


def test_an_input_that_changes_meanwhile_is_named_and_nothing_is_sent(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = picture(tmp_path / "served" / "a.png")
    fetch = RemoteFile.fetch

    def fetched(self: RemoteFile, target: Path) -> None:
        fetch(self, target)
        picture(source, shift=40)

    monkeypatch.setattr(RemoteFile, "fetch", fetched)
    report = run_job(at(ftp_address(server, "a.png"), ftp_address(server, "b.png")))
    assert "changed while it was being restored" in failures(report)[0]
    assert files_in(tmp_path / "served") == ["a.png"]


def test_a_result_of_an_input_that_changed_meanwhile_is_not_kept_here(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = picture(tmp_path / "served" / "in" / "a.png")
    fetch = RemoteFile.fetch

    def fetched(self: RemoteFile, target: Path) -> None:
        fetch(self, target)
        picture(source, shift=40)

    with monkeypatch.context() as patched:
        patched.setattr(RemoteFile, "fetch", fetched)
        (said,) = failures(run_job(at(ftp_address(server, "in"), str(tmp_path / "out"))))
    assert f"ftp://{server}/in/a.png changed while it was being restored" in said
    assert not (tmp_path / "out" / "a.png").exists()
    assert not run_job(at(ftp_address(server, "in"), str(tmp_path / "out"))).failed
    assert (tmp_path / "out" / "a.png").exists()


def test_a_hash_belongs_to_the_name_of_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    for number in (1, 2):
        assert not run_job(at(str(tmp_path / "in"), f"memory://box/Roll #{number}/")).failed
    for number in (1, 2):
        assert RemoteFile.of(f"memory://box/Roll #{number}/").files() == ["a.png"]
    assert not RemoteFile.of("memory://box/Roll ").is_there()


def test_an_address_that_cannot_be_read_tells_nothing_of_its_login() -> None:
    with pytest.raises(UnreadableMediaError) as refusal:
        RemoteFile.of("ftp://bob:ge/heim@nas:port/x")
    assert "heim" not in str(refusal.value)


@pytest.mark.parametrize(("target", "kept"), [("out/", "out/cut.incomplete.mp4"), ("new.mp4", "new.incomplete.mp4")])
@pytest.mark.parametrize("fetched", [False, True])
def test_what_is_left_of_a_damaged_video_is_sent_beside_its_place(
    server: str, tmp_path: Path, target: str, kept: str, fetched: bool
) -> None:
    (tmp_path / "served" / "out").mkdir()
    source = tmp_path / "served" / "cut.mp4"
    write_video(source, [numbered_picture(i) for i in range(30)], container_options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 4 // 5])
    job = at(ftp_address(server, "cut.mp4") if fetched else str(source), ftp_address(server, target))
    for name in (kept, kept.replace("incomplete", "incomplete-2")):
        (said,) = failures(run_job(job))
        assert "breaks off" in said
        assert f"is in ftp://{server}/{name}." in said
        assert not fetched or f"ftp://{server}/cut.mp4" in said
        assert "cfrnet-live-" not in said
        assert 3 < len(pictures(tmp_path / "served" / name)) < 30
    assert len(files_in(tmp_path / "served")) == 3


def test_a_file_behind_https_may_take_longer_than_five_minutes(tmp_path: Path) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    picture(tmp_path / "a.png")
    asked: list[str | None] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            super().do_GET()

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            for login in ("", "anna:secret@"):
                file = RemoteFile.of(f"http://{login}127.0.0.1:{web.server_address[1]}/a.png")
                file.fetch(tmp_path / "b.png")
                assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
                session = file._open()[0]._session
                assert session.timeout == aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
        finally:
            web.shutdown()
            thread.join()
    assert asked[0] is None
    assert asked[-1] == "Basic YW5uYTpzZWNyZXQ="


def test_that_what_is_left_of_a_video_cannot_be_sent_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: RemoteFile, source: Path, *, overwrite: bool) -> None:
        raise OutputError("{path} may not be written.", path=self)

    monkeypatch.setattr(RemoteFile, "send", refuse)
    task = Task(
        key="a", kind="video", name="a", source=Path("a.mp4"), target=Path("a.mp4"), identity=None, digest="",
        sent_to=RemoteFile.of("memory://left/a.mp4?token=q"),
    )  # fmt: skip

    def break_off() -> None:
        with staged(task) as here:
            kept = here.target.with_name("a.incomplete.mp4")
            kept.parent.mkdir()
            kept.touch()
            raise UnreadableMediaError("{path} breaks off.", "The rest is in {kept}.", path=here.source, kept=kept)

    with pytest.raises(UnreadableMediaError) as refusal:
        break_off()
    said = "a.mp4 breaks off. memory://left/a.incomplete.mp4?token=… may not be written."
    assert str(refusal.value) == said


@pytest.mark.parametrize("lacks", ["", "MLST"])
def test_planning_lists_no_folder_for_each_of_its_files(tmp_path: Path, lacks: str) -> None:
    listings = []
    for count in (2, 6):
        album(tmp_path / "served" / "in", count)
        commands: list[str] = []
        with ftp_server(tmp_path / "served", commands, lacks=lacks) as place:
            items = plan(ftp_address(place, "in"), ftp_address(place, "out"), aligned=False)
            assert not any(map(is_done, items))
            tasks = [work_for(item, "", tmp_path).final for item in items]
            assert [task.identity is not None for task in tasks] == [True] * count
            for task in tasks:
                task.expect_unchanged()
            picture(tmp_path / "served" / "in" / "00.png", shift=70)
            with pytest.raises(UnreadableMediaError, match="changed while"):
                tasks[0].expect_unchanged()
            assert is_done(replace(items[0], sent_to=items[1].fetched_from))
        listings.append(commands.count("MLSD"))
    assert (listings[0] < listings[1]) is bool(lacks)


def test_a_server_that_is_gone_before_the_first_file_is_named(tmp_path: Path) -> None:
    album(tmp_path / "served" / "in", 3)
    with ftp_server(tmp_path / "served") as place:
        items = plan(ftp_address(place, "in"), str(tmp_path / "out"), aligned=False)
    assert len(items) == 3
    type(fsspec.filesystem("memory")).clear_instance_cache()
    with pytest.raises(UnreadableMediaError, match=r"ftp://127\.0\.0\.1:\d+/in cannot be used"):
        run_job(at(ftp_address(place, "in"), str(tmp_path / "out")))


@pytest.mark.parametrize("password", ["wrong-pass", PASSWORD])
def test_no_password_is_shown_or_logged(
    server: str, tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="app")
    with pytest.raises(AppError) as caught:
        run_job(at(ftp_address(server, "nowhere.png", password=password), str(tmp_path / "b.png")))
    said = f"{caught.value} {caught.value!r} {caught.value.hint} {caplog.text}"
    assert re.search(r"ftp://127\.0\.0\.1:\d+/nowhere\.png", said)
    assert password not in said
    assert USER not in said
    assert caught.value.__cause__ is None


def test_without_the_extra_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fsspec" else found(name))
    with pytest.raises(UnreadableMediaError, match=r"s3://bucket/in needs the package fsspec") as caught:
        plan("s3://name:secret@bucket/in", "out", aligned=False)
    assert "pip install fsspec" in caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["nobodys://host/a.png", "ftp://"])
def test_an_address_of_no_known_kind_is_named(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match=re.escape(address.split(":")[0])):
        run_job(at(address, str(tmp_path / "b.png")))


def test_shards_need_a_folder_that_all_see(server: str, tmp_path: Path) -> None:
    source = album(tmp_path / "in", 2)
    with pytest.raises(JournalError, match="behind an address"):
        run_job(at(str(source), ftp_address(server, "out")), shard=Shard(number=1, count=2))


def test_what_another_program_made_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    rename = MemoryFileSystem.mv

    def refuse(self: MemoryFileSystem, part: str, place: str) -> None:
        monkeypatch.setattr(MemoryFileSystem, "mv", rename)
        self.pipe_file(place, b"of another program")
        raise FileExistsError(place)

    monkeypatch.setattr(MemoryFileSystem, "mv", refuse)
    there = RemoteFile.of("memory://meanwhile/b.png")
    with pytest.raises(OutputError):
        there.send(picture(tmp_path / "a.png"), overwrite=False)
    system = fsspec.filesystem("memory")
    assert system.cat_file("/meanwhile/b.png") == b"of another program"
    assert system.ls("/meanwhile", detail=False) == ["/meanwhile/b.png"]
