"""Films whose recording died with the process: the next start finds them, and what was recorded is not lost."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path

import psutil

from app.outputs.recording_file import FILM_STEM, complete_film

_log = logging.getLogger(__name__)


def rescue_films(folder: Path) -> tuple[Path, ...]:
    """Make every `.part` of a film in `folder` that nobody writes any more a whole film; gives those that play.

    One without a single picture is deleted. Takes the time that the system needs to list open files, and only when
    there is a `.part` at all.
    """
    rescued = []
    for part in sorted(folder.glob(f"{FILM_STEM}-*.mp4.part")):
        path = part.with_suffix("")
        if path.exists() or _is_being_written(part):
            continue
        with contextlib.suppress(OSError):
            if complete_film(part, path) is not None:
                _log.info("a film that was cut short is kept as %s", path)
                rescued.append(path)
    return tuple(rescued)


def _is_being_written(path: Path) -> bool:
    """Whether a process of this person has `path` open; another window may be recording."""
    if sys.platform == "win32":  # there psutil may hang on foreign handles, but an open file cannot be renamed
        try:
            path.rename(path)
        except OSError:
            return True
        return False
    wanted = str(path.resolve())
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(opened.path == wanted for opened in process.open_files()):
                return True
    return False
