"""Runnable measurements; each prints a table."""

import app  # noqa: F401  (keeps ONNX Runtime from reporting to its maker)
