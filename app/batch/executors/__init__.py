"""The door for executors: every way to carry out tasks, by its name."""

from app.batch.executors import inline, processes
from app.batch.executors.base import ExecutorDescriptor

EXECUTORS: dict[str, ExecutorDescriptor] = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in (inline, processes)}

__all__ = ["EXECUTORS"]
