"""A picture or a folder of pictures as a source: a slide show in natural order."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from app.core.errors import EmptyFolderError, UnreadableMediaError
from app.core.settings import Settings
from app.core.types import Frame, Image
from app.core.words import phrase
from app.media.files import typed_path, unreadable
from app.media.pictures.picture import PICTURE_SUFFIXES, read_picture
from app.sources.base import SourceInfo, SourceKind, SourceSpec

PICTURE_SECONDS = 2.0
"""Seconds that each picture of a folder is shown."""

_log = logging.getLogger(__name__)


def pictures_in(folder: Path) -> list[Path]:
    """Return the picture files of `folder` in natural order (2 before 10), by suffix; sub-folders are not searched.

    Raises UnreadableMediaError when the folder may not be read.
    """

    def natural(path: Path) -> list[tuple[int, str]]:
        return [
            (int(part or 0), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path.name.lower())
        ]

    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise unreadable(folder, error) from error
    return sorted(found, key=natural)


class ImagesSource:
    """A picture or a folder as a slide show. Damaged pictures of a folder are skipped and logged."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._path = path
        self._clock = clock
        self._files: list[Path] = []
        self._first: Image | None = None
        self._position = 0
        self._index = 0
        self._info: SourceInfo | None = None
        self._closed = False
        self._damaged: set[int] = set()

    @property
    def info(self) -> SourceInfo:
        assert self._info is not None, "a source has its info once it is open"
        return self._info

    def open(self) -> None:
        if self._path.is_dir():
            self._files = pictures_in(self._path)
            if not self._files:
                raise EmptyFolderError(
                    "There is no picture in the folder {path}.", "Choose another folder.", path=self._path
                )
            self._first = self._first_readable(range(len(self._files)))
            if self._first is None:
                raise EmptyFolderError(
                    "Not one of the {count} pictures in {path} can be read.",
                    "Choose another folder.",
                    count=len(self._files),
                    path=self._path,
                )
        else:
            self._files = [self._path]
            self._first = read_picture(self._path).bgr
            self._position = 1
        height, width = self._first.shape[:2]
        self._info = SourceInfo(
            name=self._path.name,
            kind=IMAGES,
            width=width,
            height=height,
            fps=1.0 / PICTURE_SECONDS,
            frame_count=len(self._files),
            duration_s=len(self._files) * PICTURE_SECONDS,
            picture_s=PICTURE_SECONDS,
        )

    def read(self) -> Frame | None:
        if self._closed:
            return None
        image, self._first = self._first, None
        if image is None:
            image = self._first_readable(range(self._position, len(self._files)))
        if image is None:
            return None
        t_media = (self._position - 1) * PICTURE_SECONDS
        frame = Frame(
            image=image, index=self._index, t_capture=self._clock(), t_media=t_media, picture=self._position - 1
        )
        self._index += 1
        return frame

    def seek(self, seconds: float) -> None:
        """Continue with the picture that is shown at `seconds`.

        Where it is damaged, the search goes on round the ends, in the direction of the shorter way from the picture
        before: a step back leads further back.
        """
        count = len(self._files)
        place = min(max(int(seconds / PICTURE_SECONDS), 0), count - 1)
        left = self._position - 1
        step = 1 if (place - left) % count <= count / 2 else -1
        self._first = self._first_readable((place + step * number) % count for number in range(count))

    def close(self) -> None:
        self._closed = True
        self._first = None

    def _first_readable(self, places: Iterable[int]) -> Image | None:
        for place in places:
            self._position = place + 1
            try:
                return read_picture(self._files[place]).bgr
            except UnreadableMediaError as error:
                if place not in self._damaged:  # in every round of a slide show
                    self._damaged.add(place)
                    _log.warning("%s", error)
        return None


def _match(text: str, settings: Settings) -> SourceSpec | None:
    path = typed_path(text)
    is_picture = path.suffix.lower() in PICTURE_SUFFIXES and path.exists()
    return SourceSpec(kind=IMAGES, address=str(path)) if is_picture or path.is_dir() else None


def _make(spec: SourceSpec) -> ImagesSource:
    return ImagesSource(Path(spec.address))


IMAGES = SourceKind(name="images", label=phrase("Pictures"), icon="picture", match=_match, make=_make, live=False)
