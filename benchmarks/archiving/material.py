"""Videos, pictures and jobs that the parts share."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import cv2

from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions
from app.batch.jobs.job import Job, RestoreOptions
from app.core.settings import Settings
from app.pipeline.measuring.scene import MovingFaceScene

ROOT = Path(__file__).resolve().parents[2]
FPS = 30
Table: TypeAlias = dict[str, Any]


def make_film(path: Path, frames: int, *, width: int = 1280, height: int = 720) -> Path:
    scene = MovingFaceScene(width=width, height=height)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene.image(number / FPS), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    scene = MovingFaceScene(width=1152, height=864)  # 1 MP
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:04}.jpg"), scene.image(number / 10))
    return folder


def job(source: Path, target: Path, k: int, *, threads: int = 0) -> Job:
    settings = Settings(k=k, threads=threads)
    return Job(input=str(source), output=str(target), options=RestoreOptions(settings=settings, k_is_given=True))


def executor(name: str, **options: Any) -> Executor:
    return EXECUTORS[name].make(ExecutorOptions(**options))
