"""The number of workers that this machine supports."""

from __future__ import annotations

import psutil

from app.core.machine import usable_threads

WORKER_BYTES = 3 << 29
"""Bytes that a worker may use for the largest videos: 1.5 GiB."""


def default_workers(*, cores: int | None = None, free_bytes: int | None = None) -> int:
    """Return one worker for each usable physical core, limited by the free memory; at least one."""
    cores = usable_threads(0) if cores is None else cores
    free = int(psutil.virtual_memory().available) if free_bytes is None else free_bytes
    return max(1, min(cores, free // WORKER_BYTES))
