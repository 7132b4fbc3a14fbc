"""The number of workers that this machine supports, and how a worker keeps its memory small."""

from __future__ import annotations

import contextlib
import ctypes
import sys

import psutil

from app.core.onnx import usable_threads

WORKER_BYTES = 3 << 29
"""Bytes that a worker may use for the largest videos: 1.5 GiB."""


def default_workers(*, cores: int | None = None, free_bytes: int | None = None) -> int:
    """Return one worker for each usable physical core, limited by the free memory; at least one."""
    cores = usable_threads(0) if cores is None else cores
    free = int(psutil.virtual_memory().available) if free_bytes is None else free_bytes
    return max(1, min(cores, free // WORKER_BYTES))


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE_BYTES = 6 << 20
"""Less than the brightness of a 4K picture, more than a 1080p picture of three bytes a pixel."""

_KEPT_BYTES = 64 << 20
"""What may stay free at the end of the heap: with glibc's 128 KiB, every picture's memory would be mapped anew."""


def return_large_blocks() -> None:
    """Make this process return the memory of freed 4K pictures to the system at once.

    Left alone, glibc raises the size of blocks it returns to that of the largest one freed, and keeps the memory of
    all smaller ones in fragments (docs/archives.md). Other C libraries need nothing.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # not glibc
            library = ctypes.CDLL(None)
            library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
