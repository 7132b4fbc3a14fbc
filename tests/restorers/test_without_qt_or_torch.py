"""The core restores a face on a machine that has neither Qt nor torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
for name in ("PySide6", "shiboken6", "pyqtgraph", "torch", "torchvision", "training"):
    sys.modules[name] = None  # importing it raises ImportError
import app.pipeline.live.session, app.pipeline.measuring.bench
from app.core.settings import Settings
from app.faces.detector import FaceDetector
from app.faces.tracker import FaceTracker
from app.pipeline.process import FramePipeline
from app.restorers.store import ModelStore
from tests.vision import frame_of, show
store = ModelStore()
pipeline = FramePipeline(FaceTracker(FaceDetector(*store.detectors())), store.create_restorer("cfrnet-rt", "int8"))
restored = pipeline.process(frame_of(show()[0]), Settings(k=1))
print("restored", len(restored.faces))
"""


def test_the_headless_core_needs_neither_qt_nor_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip().endswith("restored 1"), done.stderr
