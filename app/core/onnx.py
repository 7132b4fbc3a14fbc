"""The options of every ONNX Runtime session of the application, the detector's and the restorers'."""

from __future__ import annotations

import onnxruntime

from app.core.machine import usable_threads

onnxruntime.disable_telemetry_events()  # for builds that ignore the variable set in app/__init__.py

_PATIENCE_US = 50  # longer than the gap between two layers, shorter than a person could notice


def session_options(*, threads: int, spinning: bool) -> onnxruntime.SessionOptions:
    """Return the options of a session.

    Without `spinning`, an idle thread releases its core after _PATIENCE_US. A pool that keeps spinning takes the cores
    from everything else, one that sleeps at once has to be woken for every layer (docs/decisions/engine-threads.md).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_threads(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # failures are reported as exceptions or by the provider in use
    if not spinning:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(_PATIENCE_US))
    return options
