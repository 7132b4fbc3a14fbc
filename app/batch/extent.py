"""How long a video is, asked before it is restored."""

from __future__ import annotations

from pathlib import Path

from app.core.errors import UnreadableMediaError
from app.media.video_reader import VideoReader

_UNKNOWN = 250.0


def expected_frames(path: Path) -> float:
    """About how many frames `path` has; a guess where the file does not tell or cannot be read."""
    try:
        reader = VideoReader(path)
    except UnreadableMediaError:
        return 1.0
    try:
        return float(reader.frame_count or (reader.duration_s or 0) * reader.fps or _UNKNOWN)
    finally:
        reader.close()
