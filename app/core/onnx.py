"""How every ONNX Runtime session of the application is set up: the detector's and the restorers'."""

from __future__ import annotations

import os

import onnxruntime
import psutil

onnxruntime.disable_telemetry_events()  # for builds that do not heed the variable set in app/__init__.py

_PATIENCE_US = 50  # longer than the way from layer to layer, shorter than anything that a person could notice


def usable_threads(asked: int) -> int:
    """Threads for an inference engine: `asked`, or with 0 one for every physical core this process may use."""
    if asked > 0:
        return asked
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def session_options(*, threads: int, spinning: bool) -> onnxruntime.SessionOptions:
    """Options shared by every session of the application.

    Without `spinning`, an idle thread gives its core back after _PATIENCE_US. A pool that spins on after a run keeps
    the cores from everything beside it, one that sleeps at once has to be woken for every layer
    (docs/decisions/engine-threads.md).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_threads(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # what goes wrong comes back as an exception or as the provider that was got
    if not spinning:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(_PATIENCE_US))
    return options
