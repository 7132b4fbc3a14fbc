"""How many workers this machine carries."""

from __future__ import annotations

import psutil

from app.core.onnx import usable_threads

WORKER_BYTES = 3 << 29
"""What a worker may take for the largest videos: 1.5 GiB."""


def default_workers(*, cores: int | None = None, free_bytes: int | None = None) -> int:
    """One worker for each physical core that this process may use, as far as the free memory goes; at least one."""
    cores = usable_threads(0) if cores is None else cores
    free = int(psutil.virtual_memory().available) if free_bytes is None else free_bytes
    return max(1, min(cores, free // WORKER_BYTES))
