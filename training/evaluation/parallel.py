"""Parallel evaluation: one thread a core, each with a few faces of its own.

Nothing inside a part may start threads: threads that synchronise at every layer lose most of their time as soon as
anything else runs.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2
import torch
from tqdm import tqdm

from app.core.machine import usable_cores

PART = 5  # faces

# glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, in bytes.
_KEPT_FROM, _TRIMMED_FROM = -3, -1

Result = TypeVar("Result")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Limit Torch and OpenCV to the calling thread within the block."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def keep_freed_memory() -> None:
    """Have glibc keep freed memory instead of returning it to the system; other platforms do not need it.

    Feature maps are tens of megabytes; allocated anew for every layer, zeroing their pages takes a large part of the
    time. It affects the whole process, so only programs of their own should call it.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        for option in _KEPT_FROM, _TRIMMED_FROM:
            libc.mallopt(option, 1 << 30)


def each_part(work: Callable[[slice], Result], count: int, *, title: str = "") -> list[Result]:
    """Return [work(slice(0, 5)), work(slice(5, 10)), ...] over `count` faces; a title shows a progress bar."""
    parts = [slice(start, min(start + PART, count)) for start in range(0, count, PART)]
    with one_thread_each(), ThreadPoolExecutor(usable_cores()) as pool:
        results = pool.map(work, parts)
        return list(tqdm(results, desc=title, total=len(parts), unit=f"x{PART} faces", disable=not title))
