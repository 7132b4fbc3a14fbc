"""The recordings, clips and pictures in a folder, with thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from app.core.errors import AppError
from app.core.types import Image
from app.media.pictures.picture import PICTURE_SUFFIXES, read_picture
from app.media.videos.video_reader import VideoReader
from app.outputs.recordings.file import RECORDING_STEM

_MOST = 200
_VIDEOS = frozenset({".mp4", ".gif"})
_ANIMATIONS = frozenset({".webp"})
"""What FFmpeg cannot decode and a picture must not be: only the first of its pictures is read."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A file that this application wrote: its path, size in bytes and time of change (seconds since 1970)."""

    path: Path
    bytes: int
    changed_at: float


def recorded_files(folder: Path) -> tuple[Recorded, ...]:
    """Return this application's files in `folder`, the newest first, at most 200; none without the folder."""
    found = []
    for path in folder.glob(f"{RECORDING_STEM}-*"):
        if path.suffix.lower() in PICTURE_SUFFIXES | _VIDEOS:
            try:
                status = path.stat()
            except OSError:
                continue
            found.append(Recorded(path=path, bytes=status.st_size, changed_at=status.st_mtime))
    return tuple(sorted(found, key=lambda entry: entry.changed_at, reverse=True)[:_MOST])


def thumbnail(path: Path, size: tuple[int, int]) -> Image | None:
    """Return the first picture of a file fitted into `size` (width, height), uint8 BGR; None when unreadable."""
    try:
        if path.suffix.lower() in _VIDEOS:
            reader = VideoReader(path)
            try:
                image = next(reader.pictures()).image
            finally:
                reader.close()
        elif path.suffix.lower() in _ANIMATIONS:
            with Pillow.open(path) as picture:
                image = np.asarray(picture.convert("RGB"), np.uint8)[:, :, ::-1]
        else:
            image = read_picture(path).bgr
    except (AppError, OSError, StopIteration):
        return None
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, inner, interpolation=cv2.INTER_AREA), np.uint8)
