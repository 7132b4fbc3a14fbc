"""The window. Only this package uses Qt; its decisions are pure functions beside the widgets."""

import sys

if sys.platform == "win32":
    import app.core.onnx  # noqa: F401  (its libraries must be loaded before Qt's)
