"""The window. Only this package knows Qt; its decisions are value-only functions beside the widgets."""

import sys

if sys.platform == "win32":
    import app.core.onnx  # noqa: F401  (its libraries must be loaded before Qt's)
