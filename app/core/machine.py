"""What a measurement was made on: the processor, and the instructions that decide how fast a network runs on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

# They decide how fast, and with ONNX Runtime's INT8 kernels how exact, a network runs.
_TELLING = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


@cache
def _cpuinfo(field: str) -> str:
    """A field of Linux's /proc/cpuinfo; "" elsewhere."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def processor_name() -> str:
    """The processor as it calls itself."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def processor_has(*instructions: str) -> bool:
    """Whether the processor names any of these; False where it cannot be asked."""
    return bool(set(instructions) & set(_cpuinfo("flags").split()))


def telling_instructions() -> str:
    """The vector and matrix instructions that matter here, or "unknown"."""
    return ", ".join(name for name in _TELLING if processor_has(name)) or "unknown"


def package_version(package: str) -> str:
    """Return the installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def system_name() -> str:
    """Return the operating system and the Python in use."""
    return f"{platform.platform()}, Python {platform.python_version()}"


def describe_machine(packages: Sequence[str] = ("onnxruntime", "numpy", "opencv-python")) -> dict[str, str]:
    """Return what a measurement was made on, ready for JSON.

    The keys are processor, instructions, cores (logical), physical_cores, system, load (the average of the last minute,
    "unknown" where there is none) and packages with their versions.
    """
    return {
        "processor": processor_name(),
        "instructions": telling_instructions(),
        "cores": str(os.cpu_count()),
        "physical_cores": str(psutil.cpu_count(logical=False)),
        "system": system_name(),
        "load": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
        "packages": ", ".join(f"{name} {package_version(name)}" for name in packages),
    }
