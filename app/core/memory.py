"""The memory that the C library keeps instead of returning it to the system; only glibc's can be told to."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE_BYTES = 6 << 20
"""Less than the brightness of a 4K picture, more than a 1080p picture of three bytes a pixel."""

_KEPT_BYTES = 64 << 20
"""What may stay free at the end of the heap: with glibc's 128 KiB, every picture's memory would be mapped anew."""


def return_large_blocks() -> None:
    """Make this process return the memory of freed 4K pictures to the system at once.

    Left alone, glibc raises the size of blocks it returns to that of the largest one freed, and keeps the memory of
    all smaller ones in fragments (docs/archives.md).
    """
    if (library := _glibc()) is not None:
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def return_free_memory() -> None:
    """Return all that this process has freed to the system, in some milliseconds.

    A busy moment, in which pictures waited for each other, would otherwise be kept in fragments of every thread's heap.
    """
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        library = ctypes.CDLL(None)
        return library if library.mallopt and library.malloc_trim else None
    except (OSError, AttributeError):  # another C library
        return None
