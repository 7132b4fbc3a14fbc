"""The facts for a bug report, as English text."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from app.core.address import without_secrets
from app.core.machine import package_version, system_name
from app.core.settings import Settings
from app.ui.preview.overlay_model import OverlayModel
from app.ui.style.formatting import milliseconds

_PACKAGES = ("onnxruntime", "opencv-python", "av", "numpy", "insightface", "PySide6_Essentials", "pyqtgraph")
_LOG_LINES = 40


def diagnostics_text(
    *,
    version: str,
    settings: Settings,
    facts: Mapping[str, str],
    overlay: OverlayModel | None,
    log: Path,
    packages: Sequence[str] = _PACKAGES,
) -> str:
    """Return version, machine, packages, `facts` (source, engine, screen), changed settings, timings, the log's end.

    Logins in the addresses of streams are left out.
    """
    lines = [
        f"CFRNet Live {version}",
        f"System: {system_name()}, {os.cpu_count()} logical cores",
        "Packages: " + ", ".join(f"{name} {package_version(name)}" for name in packages),
        *(f"{name}: {value}" for name, value in facts.items()),
    ]
    defaults = asdict(Settings())
    chosen = {name: value for name, value in asdict(settings).items() if value != defaults[name]}
    lines.append("Settings: " + (", ".join(f"{name}={value!r}" for name, value in chosen.items()) or "all defaults"))
    if overlay is not None:
        stages = ", ".join(f"{segment.name} {milliseconds(segment.ms).english}" for segment in overlay.segments)
        lines.append(f"Frame: {overlay.total.english} of {overlay.budget.english} ({stages})")
        lines += [f"{line.label.english}: {line.value.english}" for line in overlay.lines]
    lines.append(f"Log: {log}")
    lines += _tail(log)
    return without_secrets("\n".join(lines))


def _tail(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return []
