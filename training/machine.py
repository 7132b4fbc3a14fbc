"""What a measurement was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

# The instructions that decide how fast, and with ONNX Runtime's INT8 kernels how exact, a network runs.
_TELLING = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
_PACKAGES = ("onnxruntime", "torch", "numpy", "opencv-python", "scikit-image")


def _cpuinfo(field: str) -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def processor_has(*instructions: str) -> bool:
    """Whether the processor names any of these; False where it cannot be asked."""
    return bool(set(instructions) & set(_cpuinfo("flags").split()))


def describe_machine() -> dict[str, str]:
    """Processor, its telling instructions, cores, operating system, and the versions of what computes."""
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "instructions": ", ".join(name for name in _TELLING if processor_has(name)) or "unknown",
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
    }
