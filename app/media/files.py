"""Atomic writing of files: nothing half-written looks whole, and no existing file is lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.core.errors import OutputError, UnreadableMediaError
from app.core.words import Words, phrase

PRIVATE = 0o600
"""Permissions of files that only their owner may read: recordings, snapshots, log and settings."""

_LONGEST_NAME = 200
_PART = re.compile(r"\.[0-9a-f]{8}\.part$")
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL)


def ffmpeg_name(path: Path) -> str:
    """Return `path` made absolute for FFmpeg, which reads the relative `12:30 call.mp4` as a URL of scheme `12`."""
    return str(path.absolute())


_REASONS = {
    errno.ECONNREFUSED: phrase("nothing answers at this address"),
    errno.ETIMEDOUT: phrase("there was no answer in time"),
    errno.EHOSTUNREACH: phrase("there is no way to this address"),
    errno.ENETUNREACH: phrase("there is no network"),
    errno.ECONNRESET: phrase("the other side closed the connection"),
    errno.EPIPE: phrase("the other side closed the connection"),
    errno.EACCES: phrase("access is not allowed"),
    errno.EPERM: phrase("access is not allowed"),
    errno.ENOENT: phrase("there is nothing of that name"),
    errno.EIO: phrase("it cannot be read"),
}
_FFMPEG_REASONS = {
    "Invalid data found when processing input": phrase("its contents are damaged or of an unknown format"),
    "Immediate exit requested": phrase("there was no answer in time"),
    "Server returned 404 Not Found": phrase("there is nothing at this address"),
    "Server returned 401 Unauthorized (authorization failed)": phrase("it asks for a name and a password"),
    "Server returned 403 Forbidden (access denied)": phrase("access is not allowed"),
    "Protocol not found": phrase("this kind of address is not known"),
}


def reason(error: Exception) -> Words:
    """Return the cause of `error` as text, without the error number and the file's name."""
    if isinstance(error, TimeoutError):
        return _REASONS[errno.ETIMEDOUT]
    if isinstance(error, UnicodeError):  # of the encoding for names of hosts
        return phrase("that is no name of a host")
    cause: object = error
    if isinstance(getattr(error, "reason", None), OSError):  # urllib wraps the system's error
        cause = error.reason  # type: ignore[attr-defined]
    number = getattr(cause, "errno", None)
    if number in _REASONS:
        return _REASONS[number]
    text = str(getattr(cause, "strerror", None) or cause)
    return _FFMPEG_REASONS.get(text, text[:1].lower() + text[1:])


def already_there(path: Path) -> OutputError:
    """Return the error for an output that exists and must not be replaced."""
    return OutputError("{path} is there already.", "Choose another name, or add --overwrite to replace it.", path=path)


def output_error(path: Path, error: OSError) -> OutputError:
    """Return the OutputError that explains why `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError("There is no room left for {path}.", "Free some space or choose another folder.", path=path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError("{path} may not be written.", "Choose a folder that you may write to.", path=path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError("The folder of {path} does not exist.", "Make it first or choose another one.", path=path)
    if error.errno == errno.EISDIR:
        return OutputError("{path} is there already and is no file.", "Choose another name.", path=path)
    if error.errno == errno.EEXIST:
        return already_there(path)
    if error.errno == errno.ENAMETOOLONG:
        return OutputError("The name of {path} is too long for this disk.", "Choose a shorter one.", path=path)
    return OutputError("{path} cannot be written: {reason}.", path=path, reason=error.strerror or error)


def unreadable(path: Path, error: OSError) -> UnreadableMediaError:
    """Return the UnreadableMediaError that says in words why `path` could not be read."""
    if error.errno == errno.ENOENT:
        return UnreadableMediaError("There is no file {path}.", "Check the name.", path=path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return UnreadableMediaError("{path} may not be read.", "Ask for the right to read it.", path=path)
    if error.errno == errno.ENAMETOOLONG:
        return UnreadableMediaError("The name of {path} is too long for any disk.", "Check the name.", path=path)
    return UnreadableMediaError("{path} cannot be read: {reason}.", path=path, reason=error.strerror or error)


def permissions_of(path: Path) -> int | None:
    """Return the permission bits of `path`, None when they cannot be read."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    except OSError:
        return None


def make_private_folder(folder: Path) -> None:
    """Create `folder` for its owner alone; an existing one keeps its permissions. Raises OSError."""
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700)


class NewFile:
    """A file being written that gets the name `path` when complete. Raises OutputError when it cannot be created.

    It is written as `part`, a file with a random name beside `path` that is made exclusively and follows no link, so
    it is never a file that was there before. `commit` brings it to the disk and gives it its name; without it nothing
    is left. `permissions` are those of the whole file, None for what the system gives a new one. While it is open it
    is locked, by which `is_locked` tells another process that it is being written.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, permissions: int | None = None) -> None:
        self.path = path
        self._overwrite = overwrite
        self._permissions = permissions
        self._descriptor = -1
        try:
            self._expect_room()
            self.part = self._make()
        except OSError as error:
            raise output_error(path, error) from error
        _lock(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Append `data`. Raises OutputError."""
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise output_error(self.path, error) from error

    def commit(self, path: Path | None = None, *, broken: bool = False) -> None:
        """Bring everything to the disk and give the file its name, or the name `path` instead.

        With `broken` the disk has failed already, and what did not reach it is given up. Raises OutputError, after
        which it may be called again.
        """
        target = path or self.path
        try:
            if self._descriptor >= 0:
                with contextlib.suppress(*(OSError,) if broken else ()):
                    os.fsync(self._descriptor)
                self._close()
            if self._permissions is not None:
                with contextlib.suppress(OSError):  # a drive without permissions; the file is its owner's alone then
                    self.part.chmod(self._permissions)
            if self._overwrite and path is None:
                self.part.replace(target)
            else:
                rename_to_new(self.part, target)
        except OSError as error:
            raise output_error(target, error) from error
        _sync_folder(target.parent)

    def is_there(self) -> bool:
        """Whether the part still has its name; False when it was deleted while being written."""
        try:
            return self._descriptor >= 0 and os.path.samestat(self.part.lstat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def abandon(self) -> None:
        """Leave the part as it is, unlocked, for whoever completes it later; may be called twice."""
        if self._descriptor >= 0:
            self._close()

    def discard(self) -> None:
        """Delete the part if it has no name yet; may be called twice."""
        self.abandon()
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)

    def _expect_room(self) -> None:
        """Raise OSError for a name that cannot be used or is taken by a file that must not be replaced."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return
        if self.path.exists() and not self.path.is_file():
            raise IsADirectoryError(errno.EISDIR, "is no file", str(self.path))
        if not self._overwrite:
            raise FileExistsError(errno.EEXIST, "is there", str(self.path))

    def _make(self) -> Path:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        while True:
            part = part_of(self.path)
            with contextlib.suppress(FileExistsError):
                self._descriptor = os.open(part, flags, 0o666 if self._permissions is None else PRIVATE)
                return part

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def part_of(path: Path) -> Path:
    """Return a new random name for `path` while it is incomplete: NAME.<8 letters>.part."""
    return path.with_name(f"{part_prefix(path)}.{secrets.token_hex(4)}.part")


def part_prefix(path: Path) -> str:
    """What the parts of `path` have in common, for a part the same as for its file."""
    if is_part(path):
        return _PART.sub("", path.name)
    return path.name.encode(errors="surrogateescape")[:_LONGEST_NAME].decode(errors="ignore")


def is_part(path: Path) -> bool:
    """Whether `path` has a name that `part_of` makes."""
    return _PART.search(path.name) is not None


def typed_path(text: str) -> Path:
    """Return the path that a person wrote as `text`: `~` and `~NAME` are their own folder and that of the user NAME."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user: a file whose name begins so
        return path


def free_name(path: Path) -> Path:
    """Return `path`, or if it exists the first of NAME-2, NAME-3, ... that does not."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def write_atomically(path: Path, data: bytes, *, overwrite: bool = False, permissions: int | None = None) -> None:
    """Write `data` to `path`, whole or not at all.

    Raises OutputError, also when `path` is there and not to be replaced; what was at `path` is then untouched.
    """
    with NewFile(path, overwrite=overwrite, permissions=permissions) as file:
        file.write(data)
        file.commit()


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all; a file that was there is replaced and its permissions stay.

    Raises OutputError.
    """
    write_atomically(path, text.encode(), overwrite=True, permissions=permissions_of(path))


def replace_json(path: Path, content: Mapping[str, Any], *, indent: int = 1) -> None:
    """Write `content` to `path` as JSON, as `replace_text` does."""
    replace_text(path, json.dumps(content, indent=indent) + "\n")


def is_locked(path: Path) -> bool:
    """Whether `path` is a `NewFile` that a process still writes, or may be: one that this person may not open."""
    if sys.platform == "win32":  # an open file cannot be renamed there
        try:
            path.rename(path)
        except OSError:
            return True
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False when another process has locked it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network drive that has no locks
        return True
    return True


def rename_to_new(part: Path, path: Path) -> None:
    """Rename `part` to `path` unless something is there. Raises OSError."""
    if sys.platform == "win32":
        part.rename(path)  # refuses by itself
        return
    try:
        os.link(part, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "is there", str(path)) from error
        part.rename(path)
    else:
        part.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the new name is on the disk too, where the system supports it."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
