"""How long a video is and where it can be entered, asked before it is restored."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from app.media.videos.video_reader import VideoReader

_LEAST_FRAME_BYTES = 8
"""A picture that changes nothing takes more than this in any container."""

_INDEXED = frozenset({"mov", "mp4", "matroska", "webm"})


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How long a video is: ticks of `time_base` from `first_pts` on, about `frames` pictures.

    `key_times` are those of its key frames. `indexed` is true for containers in which every place is found exactly. A
    duration for which the file is too small, that of a damaged header, counts as 0.
    """

    first_pts: int
    ticks: int
    time_base: Fraction
    frames: float
    key_times: tuple[int, ...] = ()
    indexed: bool = True

    @classmethod
    def of(cls, path: Path) -> Extent:
        """Read the extent of the video `path`. Raises UnreadableMediaError."""
        reader = VideoReader(path)
        try:
            duration_s = reader.duration_s or 0.0
            frames = float(reader.frame_count or duration_s * reader.fps or 1)
            most = max(1, path.stat().st_size // _LEAST_FRAME_BYTES)
            if frames > most:
                duration_s, frames = 0.0, float(most)
            return cls(
                first_pts=reader.first_pts,
                ticks=round(duration_s / reader.time_base),
                time_base=reader.time_base,
                frames=frames,
                key_times=tuple(reader.key_times()),
                indexed=bool(_INDEXED & set(reader.container.format.name.split(","))),
            )
        finally:
            reader.close()
