"""The suffixes of video files. Imports no library, so that a file dialog need not wait for one."""

from __future__ import annotations

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes of videos that are written, and FFmpeg's names. Matroska rounds time stamps to its millisecond."""

READ_ONLY_SUFFIXES = frozenset(
    {".avi", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv"}
)
"""Suffixes of videos that are read only; in a folder they become Matroska, which supports every kind of sound."""

VIDEO_SUFFIXES = frozenset(FORMATS) | READ_ONLY_SUFFIXES
"""Suffixes of all videos that are read."""
