"""How every ONNX Runtime session of the application is set up: the detector's and the restorers'."""

from __future__ import annotations

import os

import onnxruntime
import psutil


def usable_threads(asked: int) -> int:
    """Threads for an inference engine: `asked`, or with 0 one for every physical core this process may use."""
    if asked > 0:
        return asked
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def session_options(*, threads: int, spinning: bool) -> onnxruntime.SessionOptions:
    """Options shared by every session of the application.

    Spinning is off unless asked for. A pool that spins after a run keeps the cores from everything beside it: with
    both cores of a two-core machine busy, the detector took twice as long with it as without.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_threads(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # what goes wrong comes back as an exception or as the provider that was got
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
    return options
