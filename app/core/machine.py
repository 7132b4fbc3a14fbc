"""The machine: the cores that may be used, the processor, and the instructions that matter for a network's speed."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

# They decide a network's speed and, with ONNX Runtime's INT8 kernels, its accuracy.
_TELLING = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def usable_cores() -> int:
    """Return the number of logical cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_threads(asked: int) -> int:
    """Return the threads for an inference engine: `asked`, or for 0 one for every usable physical core."""
    if asked > 0:
        return asked
    return max(1, min(psutil.cpu_count(logical=False) or usable_cores(), usable_cores()))


@cache
def _cpuinfo(field: str) -> str:
    """Return a field of Linux's /proc/cpuinfo, "" elsewhere."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def processor_name() -> str:
    """Return the processor's own name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def processor_has(*instructions: str) -> bool:
    """Whether the processor lists any of these; False where that is unknown."""
    return bool(set(instructions) & set(_cpuinfo("flags").split()))


def telling_instructions() -> str:
    """Return the vector and matrix instructions that matter here, or "unknown"."""
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
    """Return the machine of a measurement, ready for JSON.

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
