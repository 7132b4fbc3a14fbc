"""What is kept of a video that breaks off: NAME.incomplete, with the time of its source, by which it is known again."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.batch.videos.output import VideoOutput
from app.core.errors import UnreadableMediaError
from app.core.words import Words
from app.media.files import free_name

_LONGEST_STEM = 230
"""In bytes: with `.incomplete`, a number and a suffix it is less than the 255 that disks take."""

_STEP_NS = 2_000_000_000
"""Every disk keeps times of change that are multiples of two seconds, and hardly another file has such a time."""


class BrokenOffError(UnreadableMediaError):
    """A video that breaks off; what could be restored of it is kept, so that trying again only repeats it."""


def incomplete_name(target: Path) -> Path:
    """Return NAME.incomplete for the video `target`, shortened where no disk would take it."""
    stem = target.stem.encode(errors="surrogateescape")[:_LONGEST_STEM].decode(errors="ignore")
    return target.with_name(f"{stem}.incomplete{target.suffix}")


def keep_incomplete(output: VideoOutput, source: Path, target: Path, damage: Words) -> BrokenOffError:
    """Name what the closed `output` has of `source`, and return the error that says so.

    It replaces what was kept of the same source before. Raises OutputError.
    """
    kept = free_name(incomplete_name(target))
    output.take_name(kept)
    with contextlib.suppress(OSError):  # without that time the next run tries again
        modified_ns = source.stat().st_mtime_ns
        earlier = kept_earlier(source, target, modified_ns)
        os.utime(kept, ns=(_mark(modified_ns), _mark(modified_ns)))
        if earlier is not None:
            kept = kept.replace(earlier)
    return BrokenOffError(damage, "What could be restored of it is in {kept}.", kept=kept)


def kept_earlier(source: Path, target: Path, modified_ns: int) -> Path | None:
    """Return what a run has kept of the video `source`, None if nothing or if it has changed since.

    `modified_ns` is the source's time of change in ns since 1970; `source` itself need not be there.
    """
    name = path = incomplete_name(target)
    number = 1
    with contextlib.suppress(OSError):
        while os.path.lexists(path):
            if path.stat().st_mtime_ns == _mark(modified_ns) and path.resolve() != source.resolve():
                return path
            number += 1
            path = name.with_stem(f"{name.stem}-{number}")
    return None


def _mark(modified_ns: int) -> int:
    """Return the time of change, in ns, that tells what is kept of a source with `modified_ns`."""
    return modified_ns - modified_ns % _STEP_NS
