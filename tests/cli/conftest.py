"""What the command line's tests share: a real face, and the command line itself in this process or in its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from app.cli import main
from tests.cli.helpers import Answer, Cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """A photograph of one person, uint8 (512, 512, 3) BGR, blurred as a face to restore would be."""
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


@pytest.fixture(scope="session")
def landscape() -> NDArray[np.uint8]:
    """A picture without anybody in it, uint8 (H, W, 3) BGR."""
    return np.ascontiguousarray(skimage.data.rocket()[:, :, ::-1])


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Run a command line in this process, with a log of its own; a traceback on stderr fails the test."""
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "log"))

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Answer(code, said.out, said.err)

    yield run
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, RotatingFileHandler)]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def cli_process(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `python main.py ...` in a process of its own; `before` is Python text that runs first in it."""

    def start(*words: object, before: str = "") -> subprocess.Popen[str]:
        program = f"{before}\nimport sys\nfrom app.cli import main\nsys.exit(main(sys.argv[1:]))"
        return subprocess.Popen(
            [sys.executable, "-c", program, *(str(word) for word in words)],
            cwd=ROOT,
            env={**os.environ, "CFRNET_LIVE_LOG_FOLDER": str(tmp_path / "log")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
