"""New files: nothing that was there is lost, and nothing half-written is left."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from app.core.errors import OutputError
from app.media.files import NewFile, free_name, is_locked, is_part, make_private_folder, write_atomically

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="there already"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with NewFile(path) as file:
        file.write(b"new")
        path.write_bytes(b"somebody else's")
        with pytest.raises(OutputError, match="there already"):
            file.commit()
    assert path.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_could_not_get_its_name_can_be_committed_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with NewFile(path, permissions=0o600) as file:
        file.write(b"new")
        path.write_bytes(b"somebody else's")
        with pytest.raises(OutputError, match="there already"):
            file.commit()
        path.unlink()
        file.commit(broken=True)
    assert path.read_bytes() == b"new"


def test_a_drive_that_has_no_permissions_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refuse)
    write_atomically(tmp_path / "a.txt", b"new", permissions=0o644)
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def test_files_called_part_are_a_persons_own(tmp_path: Path) -> None:
    own = tmp_path / "a.txt.part"
    own.write_bytes(b"own")
    write_atomically(tmp_path / "a.txt", b"new")
    assert own.read_bytes() == b"own"
    assert not is_part(own)


@unix
def test_a_planted_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    tokens = iter(["00000000", "11111111"])
    monkeypatch.setattr("app.media.files.secrets.token_hex", lambda _count: next(tokens))
    (tmp_path / "a.txt.00000000.part").symlink_to(victim)
    write_atomically(tmp_path / "a.txt", b"new")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "a.txt").read_bytes() == b"new"


@unix
def test_a_link_in_the_place_of_the_output_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "a.txt").symlink_to(victim)
    with pytest.raises(OutputError, match="there already"):
        write_atomically(tmp_path / "a.txt", b"new")
    write_atomically(tmp_path / "a.txt", b"new", overwrite=True)
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "a.txt").read_bytes() == b"new"


@unix
def test_a_new_file_has_the_permissions_it_is_given(tmp_path: Path) -> None:
    for permissions in (0o600, 0o640, 0o664):
        path = tmp_path / f"{permissions:o}"
        with NewFile(path, permissions=permissions) as file:
            assert mode(file.part) == 0o600
            file.commit()
        assert mode(path) == permissions


@unix
def test_a_private_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        write_atomically(tmp_path / ("a" * 300 + ".txt"), b"")


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".txt")
    write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_being_written_is_locked_until_it_has_its_name(tmp_path: Path) -> None:
    with NewFile(tmp_path / "a.txt") as file:
        assert is_part(file.part)
        assert is_locked(file.part)
        file.commit()
    assert not is_locked(tmp_path / "a.txt")


@unix
def test_what_may_not_be_opened_counts_as_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "a.txt.0123abcd.part"
    assert not is_locked(part)
    part.write_bytes(b"")

    def refuse(*arguments: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("app.media.files.os.open", refuse)
    assert is_locked(part)


def test_a_part_that_is_deleted_is_noticed(tmp_path: Path) -> None:
    with NewFile(tmp_path / "a.txt") as file:
        assert file.is_there()
        os.unlink(file.part)  # noqa: PTH108  (somebody else's)
        assert not file.is_there()


def test_the_first_free_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert free_name(path) == path
    path.touch()
    (tmp_path / "a-2.txt").symlink_to(tmp_path / "nowhere")
    assert free_name(path) == tmp_path / "a-3.txt"
