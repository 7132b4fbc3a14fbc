"""Completing recordings that a crash cut short, at the next start."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path

import psutil

from app.media.files import free_name, is_locked, is_part, rename_to_new
from app.outputs.recordings.file import RECORDING_STEM, cut_to_whole_fragments, playable_seconds

_log = logging.getLogger(__name__)


def rescue_recordings(folder: Path) -> tuple[Path, ...]:
    """Complete every `.part` of a recording in `folder` that no process writes any more; return those that play.

    One without a single picture is deleted if its name is one that only this application uses. Listing open files takes
    some time, and is only done when there is a `.part`.
    """
    rescued = []
    for part in sorted(folder.glob(f"{RECORDING_STEM}-*.mp4*.part")):
        if is_locked(part) or _is_being_written(part):
            continue
        path = complete(part, free_name(part.with_name(part.name.partition(".mp4")[0] + ".mp4")))
        if path is not None:
            _log.info("a recording that was cut short is kept as %s", path)
            rescued.append(path)
    return tuple(rescued)


def complete(part: Path, path: Path) -> Path | None:
    """Rename the abandoned video `part` to the free name `path` and return that.

    None when it cannot be read or renamed, or not one picture of it plays; only then it is deleted, if its name is one
    that only this application gives.
    """
    with contextlib.suppress(OSError):
        if path.suffix.lower() != ".mkv":
            cut_to_whole_fragments(part)
        if playable_seconds(part) is not None:
            rename_to_new(part, path)
            return path
        if is_part(part):
            part.unlink()
    return None


def _is_being_written(path: Path) -> bool:
    """Whether a process of this person has `path` open, for network drives without locks."""
    if sys.platform == "win32":  # psutil may hang on other processes' handles there, and `is_locked` is enough
        return False
    wanted = str(path.resolve())
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(opened.path == wanted for opened in process.open_files()):
                return True
    return False
