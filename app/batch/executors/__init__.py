"""The door for executors: every way to run tasks, by its name."""

from app.batch.executors import dask, inline, processes
from app.batch.executors.base import ExecutorDescriptor

_MODULES = (inline, processes, dask)

EXECUTORS: dict[str, ExecutorDescriptor] = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in _MODULES}

__all__ = ["EXECUTORS"]
