"""What an evaluation was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from app.core.machine import processor_name, telling_instructions

_PACKAGES = ("onnxruntime", "torch", "numpy", "opencv-python", "scikit-image")


def describe_machine() -> dict[str, str]:
    """Processor, its telling instructions, cores, operating system, and the versions of what computes."""
    return {
        "processor": processor_name(),
        "instructions": telling_instructions(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
    }
