"""A video file as a source: every picture with its exact time stamp, also at a variable frame rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from app.core.settings import Settings
from app.core.types import Frame, Image
from app.core.words import phrase
from app.media.files import typed_path
from app.media.videos.video_reader import VideoPicture, VideoReader
from app.sources.base import SourceInfo, SourceKind, SourceSpec
from app.sources.guarded import GuardedSource


class VideoSource(GuardedSource):
    """The video file `path`, read as fast as the caller reads; pacing by `Frame.t_media` is the caller's.

    `t_media` is in seconds from the file's first picture and exact to the file's time base. Pictures whose pixels are
    not square are made wider or higher.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__(clock)
        self._path = path
        self._reader: VideoReader | None = None
        self._pictures: Iterator[VideoPicture] = iter(())
        self._skip_before_s = 0.0
        self._pixel_shape = 1.0

    def open(self) -> None:
        with self._guard:
            reader = VideoReader(self._path)
            self._guard.owns(reader.close)
            self._reader = reader
            self._pictures = reader.pictures()
            self._pixel_shape = float(reader.pixel_shape)
            width, height = _square(reader.width, reader.height, self._pixel_shape)
            self._info = SourceInfo(
                name=self._path.name,
                kind=VIDEO,
                width=width,
                height=height,
                fps=reader.fps,
                frame_count=reader.frame_count,
                duration_s=reader.duration_s,
                has_audio=reader.has_audio,
            )

    def read(self) -> Frame | None:
        with self._guard:
            if self._guard.closed or self._reader is None:
                return None
            skipped = None
            for picture in self._pictures:
                t_media = float((picture.pts - self._reader.first_pts) * picture.time_base)
                if t_media >= self._skip_before_s:
                    return self._frame(picture.image, t_media)
                skipped = picture.image, t_media
            # Behind the last picture there may be sound still: there the last picture stands.
            return self._frame(*skipped) if skipped is not None else None

    def _frame(self, image: Image, t_media: float) -> Frame:
        height, width = image.shape[:2]
        size = _square(width, height, self._pixel_shape)
        if size != (width, height):
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        frame = Frame(image=image, index=self._index, t_capture=self._clock(), t_media=t_media)
        self._index += 1
        return frame

    def seek(self, seconds: float) -> None:
        """Continue with the first picture at or after `seconds`, clamped to the file."""
        with self._guard:
            if self._guard.closed or self._reader is None:
                return
            last_s = max((self._reader.duration_s or seconds) - 1.0 / max(self._reader.fps, 1.0), 0.0)
            target_s = min(max(seconds, 0.0), last_s)
            self._reader.seek(target_s + float(self._reader.first_pts * self._reader.time_base))
            half_picture_s = 0.5 / max(self._reader.fps, 1.0)
            self._skip_before_s = target_s - half_picture_s
            self._pictures = self._reader.pictures()


def _square(width: int, height: int, pixel_shape: float) -> tuple[int, int]:
    """The size of a picture once its pixels are square; it loses none."""
    if pixel_shape >= 1:
        return round(width * pixel_shape), height
    return width, round(height / pixel_shape)


def _match(text: str, settings: Settings) -> SourceSpec | None:
    """Match any file; opening shows whether it is a video."""
    path = typed_path(text)
    return SourceSpec(kind=VIDEO, address=str(path)) if path.exists() else None


def _make(spec: SourceSpec) -> VideoSource:
    return VideoSource(Path(spec.address))


VIDEO = SourceKind(
    name="video", label=phrase("Video"), icon="film", match=_match, make=_make, live=False, seekable=True
)
