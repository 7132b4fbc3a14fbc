"""CFRNet Live: faces restored live by a small network applied k times."""

import os

__version__ = "0.1.0"

# ONNX Runtime's wheels report to their maker unless this is set before they are loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
