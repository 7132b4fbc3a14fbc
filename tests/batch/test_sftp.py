"""Inputs and outputs on an SFTP server; a password goes to none that this computer does not know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import paramiko
import pytest
from fsspec.implementations.sftp import SFTPFileSystem

from app.batch.engine import run_job
from app.core.errors import UnreadableMediaError
from app.media import sftp
from app.media.remote import RemoteFile
from tests.batch.helpers import album, files_in, job_of, picture, pixels
from tests.ftp_server import PASSWORD
from tests.sftp_server import sftp_address, sftp_server


@pytest.fixture
def known_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "state"))
    monkeypatch.setattr(sftp, "KNOWN_HOSTS", tmp_path / "known_hosts")
    return tmp_path / "known_hosts"


@pytest.fixture
def sessions() -> list[paramiko.Transport]:
    """What the server has open or had open."""
    return []


@pytest.fixture
def server(tmp_path: Path, known_hosts: Path, sessions: list[paramiko.Transport]) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    with sftp_server(tmp_path / "served", sessions) as (place, line):
        known_hosts.write_text(line)
        yield place


def end_all(sessions: list[paramiko.Transport]) -> None:
    """Have the server end every session while it goes on listening, and wait until their other ends know."""
    for session in sessions:
        session.close()
    deadline = time.monotonic() + 5
    systems = SFTPFileSystem._cache.values()
    while any(sftp.is_connected(system) for system in systems) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_folder_on_a_known_server_is_restored_and_replaced(server: str, tmp_path: Path) -> None:
    album(tmp_path / "served" / "in" / "deep", 2)
    job = replace(job_of(Path(), Path()), input=sftp_address(server, "in"), output=sftp_address(server, "out"))
    assert not run_job(job).failed
    assert files_in(tmp_path / "served" / "out") == ["deep/00.png", "deep/01.png"]
    run_job(job_of(tmp_path / "served" / "in", tmp_path / "here"))
    for name in files_in(tmp_path / "here"):
        assert np.array_equal(pixels(tmp_path / "served" / "out" / name), pixels(tmp_path / "here" / name))
        (tmp_path / "served" / "out" / name).write_bytes(b"old")
    assert not run_job(replace(job, overwrite=True)).failed
    assert files_in(tmp_path / "served" / "out") == ["deep/00.png", "deep/01.png"]
    assert min(path.stat().st_size for path in (tmp_path / "served" / "out").rglob("*.png")) > 1000


def test_sessions_that_the_server_ends_are_opened_anew(
    server: str, tmp_path: Path, sessions: list[paramiko.Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    album(tmp_path / "served" / "in", 3)

    def ended_first(do: Callable[..., None]) -> Callable[..., None]:
        def done(self: RemoteFile, *arguments: object, **options: object) -> None:
            end_all(sessions)
            do(self, *arguments, **options)

        return done

    monkeypatch.setattr(RemoteFile, "fetch", ended_first(RemoteFile.fetch))
    monkeypatch.setattr(RemoteFile, "send", ended_first(RemoteFile.send))
    report = run_job(
        replace(job_of(Path(), Path()), input=sftp_address(server, "in"), output=sftp_address(server, "out"))
    )
    assert not report.failed
    assert len(sessions) > 6
    assert files_in(tmp_path / "served" / "out") == ["00.png", "01.png", "02.png"]


def test_a_result_is_sent_once_more_when_the_session_ends_meanwhile(
    server: str, tmp_path: Path, sessions: list[paramiko.Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = picture(tmp_path / "a.png")
    put = paramiko.SFTPClient.put

    def broken(self: paramiko.SFTPClient, *arguments: object) -> None:
        monkeypatch.setattr(paramiko.SFTPClient, "put", put)
        (tmp_path / "served" / Path(str(arguments[1])).name).write_bytes(result.read_bytes()[:1000])
        end_all(sessions)
        put(self, *arguments)

    monkeypatch.setattr(paramiko.SFTPClient, "put", broken)
    RemoteFile.of(sftp_address(server, "a.png")).send(result, overwrite=False)
    assert files_in(tmp_path / "served") == ["a.png"]
    assert (tmp_path / "served" / "a.png").read_bytes() == result.read_bytes()


def test_an_idle_session_is_kept_alive(
    server: str, tmp_path: Path, sessions: list[paramiko.Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals: list[int] = []
    monkeypatch.setattr(paramiko.Transport, "set_keepalive", lambda self, seconds: intervals.append(seconds))
    picture(tmp_path / "served" / "a.png")
    assert RemoteFile.of(sftp_address(server, "a.png")).is_there()
    end_all(sessions)
    assert RemoteFile.of(sftp_address(server, "a.png")).is_there()
    assert intervals == [30, 30]


def test_a_server_with_another_key_gets_no_password(server: str, tmp_path: Path, known_hosts: Path) -> None:
    seen = RemoteFile.of(sftp_address(server, "in"))
    with sftp_server(tmp_path) as (other, line):
        known_hosts.write_text(line.replace(other.rpartition(":")[2], server.rpartition(":")[2]))
        with pytest.raises(UnreadableMediaError, match="not among those that this computer knows") as refused:
            seen.is_there()
    assert f"ssh -p {server.rpartition(':')[2]} 127.0.0.1" in str(refused.value.hint)
    known_hosts.unlink()
    with pytest.raises(UnreadableMediaError, match="not among those"):
        seen.is_there()


def test_a_wrong_password_and_a_missing_file_have_their_sentences(server: str) -> None:
    with pytest.raises(UnreadableMediaError, match="Authentication failed"):
        RemoteFile.of(sftp_address(server, "a.png", password="wrong")).is_there()
    with pytest.raises(UnreadableMediaError, match="There is nothing at") as missing:
        run_job(replace(job_of(Path(), Path()), input=sftp_address(server, "a.png"), output="b.png"))
    assert PASSWORD not in str(missing.value)
