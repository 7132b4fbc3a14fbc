"""Writing files so that nothing half-written ever looks whole: into `NAME.part` first, renamed when complete."""

from __future__ import annotations

import errno
from pathlib import Path

from app.core.errors import OutputError


def part_path(path: Path) -> Path:
    """Where `path` is written until it is complete: the same name with `.part` behind it."""
    return path.with_name(path.name + ".part")


def ffmpeg_name(path: Path) -> str:
    """`path` as FFmpeg takes it: absolute, or it would read `12:30 call.mp4` as an address of the kind `12`."""
    return str(path.absolute())


def reason(error: Exception) -> str:
    """What an error of FFmpeg or the system says, without its number and the name of the file."""
    return str(getattr(error, "strerror", None) or error)


def output_error(path: Path, error: OSError) -> OutputError:
    """The OutputError that says in words why `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"There is no room left for {path}.", "Free some space or choose another folder.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{path} may not be written.", "Choose a folder that you may write to.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(f"The folder of {path} does not exist.", "Make it first or choose another one.")
    if error.errno in (errno.EISDIR, errno.EEXIST):
        return OutputError(f"{path} is there already and is no file.", "Choose another name.")
    return OutputError(f"{path} cannot be written: {error.strerror or error}.")


def prepare_output(path: Path) -> Path:
    """The opened-and-emptied `.part` of `path`; raises OutputError when `path` cannot become a file."""
    part = part_path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        part.open("wb").close()
    except OSError as error:
        raise output_error(path, error) from error
    return part


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` through its `.part`; raises OutputError and leaves what was at `path` untouched."""
    part = prepare_output(path)
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise output_error(path, error) from error
    except BaseException:  # an interruption is no reason to leave half a file either
        part.unlink(missing_ok=True)
        raise
