"""The detector for sweeps reads SCRFD's outputs as the model zoo does, without importing it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from app.faces.detector import FaceDetector
from app.faces.sweep_detector import SweepDetector
from tests.vision import show, store


@pytest.mark.parametrize("size", [160, 320, 640])
@pytest.mark.parametrize("shape", [(480, 360), (333, 999), (1280, 720)])
def test_it_finds_what_the_model_zoo_finds(shape: tuple[int, int], size: int) -> None:
    width, height = shape
    frame, _ = show(size=shape, centre=(width / 2, height / 2), scale=min(shape) / 300)
    files = store().detectors()
    ours = SweepDetector(*files).detect(frame, size, threshold=0.3)
    theirs = FaceDetector(*files).detect(frame, size, threshold=0.3)
    assert len(ours) == len(theirs) > 0
    for mine, wanted in zip(ours, theirs, strict=True):
        assert np.allclose(mine.landmarks, wanted.landmarks, atol=0.01)
        assert np.allclose(mine.box, wanted.box, atol=0.01)
        assert mine.score == pytest.approx(wanted.score, abs=1e-4)


def test_a_picture_without_a_face_has_none() -> None:
    assert SweepDetector(*store().detectors("sweep-detector")).detect(np.full((300, 500, 3), 90, np.uint8), 320) == []


def test_a_worker_never_imports_the_model_zoo() -> None:
    code = """
import sys, numpy as np
from app.batch.jobs.setup import WorkerSetup
from app.batch.worker import RestoreWorker
from app.batch.jobs.job import RestoreOptions
worker = RestoreWorker(WorkerSetup(options=RestoreOptions(), threads=1))
worker._load_detector().detect(np.full((300, 500, 3), 90, np.uint8), 320)
assert "insightface" not in sys.modules and "scipy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
