"""The `.part` files that killed processes left, which no process writes any more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from app.batch.videos.incomplete import incomplete_name
from app.media.files import free_name, is_locked, is_part, part_prefix
from app.outputs.recordings.rescue import complete


class Leftovers:
    """The parts in `folders` that no process holds, by the results that they were to become."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._parts: dict[Path, list[Path]] = {}
        for folder in folders:
            self._look(folder)

    def look_again(self, target: Path) -> None:
        """Note what a process that has died meanwhile left of `target`."""
        self._parts.pop(_key(target), None)
        self._look(target.parent, only=_key(target))

    def discard(self, target: Path) -> None:
        """Delete what is left of `target`, which is whole now or is not worth keeping in part."""
        for part in self._parts.pop(_key(target), ()):
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def rescue(self, target: Path) -> Path | None:
        """Keep the largest part of the video `target` that plays, as NAME.incomplete, and discard the others."""
        parts = self._parts.pop(_key(target), [])
        kept: Path | None = None
        for part in sorted(parts, key=_size, reverse=True):
            if kept is None:
                kept = complete(part, free_name(incomplete_name(target)))
            else:
                part.unlink(missing_ok=True)
        return kept

    def _look(self, folder: Path, *, only: Path | None = None) -> None:
        with contextlib.suppress(OSError):
            for part in sorted(folder.glob("*.part")):
                if is_part(part) and only in (None, part.with_name(part_prefix(part))) and not is_locked(part):
                    self._parts.setdefault(part.with_name(part_prefix(part)), []).append(part)


def _key(target: Path) -> Path:
    return target.with_name(part_prefix(target))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
