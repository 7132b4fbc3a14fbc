"""Sharp videos of talking people, degraded as by a call and tracked: given crops, and the truth at their place."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.core.types import Frame
from app.faces.alignment import TEMPLATE_SIDE, Matrix, estimate_similarity, scale_of, warp_crop
from app.faces.detector import FaceDetector
from app.faces.tracker import FaceTracker
from app.media.videos.video_reader import VideoReader
from training.data import FaceFolderError
from training.degradation.call_video import degrade_video, draw_call

FRAMES_A_CLIP = 48
DETECT_SIZE = 320

Images = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Clip:
    """A tracked face: given crops and the truth at the same places, uint8 (T, 256, 256, 3) BGR."""

    name: str
    given: Images
    truth: Images


def read_clips(folder: Path, detector: FaceDetector, limit: int | None = None) -> list[Clip]:
    """Degrade every sharp video in `folder` as by a call and track its largest face. Raises FaceFolderError."""
    videos = sorted(folder.glob("*.mp4"))[:limit]
    if not videos:
        raise FaceFolderError(f"{folder} holds no videos")
    clips = []
    for index, video in enumerate(tqdm(videos, desc="calls", unit="video")):
        clip = _clip(video, detector, np.random.default_rng(index))
        if clip is not None:
            clips.append(clip)
    return clips


def _clip(video: Path, detector: FaceDetector, rng: np.random.Generator) -> Clip | None:
    """Return the clip of a video, None when its face is not found or not tracked."""
    frames, fps = _read(video)
    found = next((faces for frame in frames if (faces := detector.detect(frame, DETECT_SIZE))), None)
    if found is None:
        return None
    call = draw_call(TEMPLATE_SIDE / scale_of(estimate_similarity(found[0].landmarks)), rng)
    received = degrade_video(frames, call, rng)
    scale = np.array(received[0].shape[1::-1]) / frames[0].shape[1::-1]
    tracker = FaceTracker(detector)
    given: list[Images] = []
    truth: list[Images] = []
    for index, (image, sharp) in enumerate(zip(received, frames, strict=True)):
        frame = Frame(image=image, index=index, t_capture=index / fps, t_media=index / fps)
        followed = tracker.update(frame, detect_size=DETECT_SIZE, max_faces=1)
        if not followed:
            if given:
                break
            continue
        matrix = estimate_similarity(followed[0].landmarks)
        given.append(warp_crop(image, matrix))
        truth.append(warp_crop(sharp, _after_scaling(matrix, scale)))
    return Clip(video.stem, np.stack(given), np.stack(truth)) if len(given) > 1 else None


def _read(video: Path) -> tuple[list[Images], float]:
    """Return the first frames and the frame rate."""
    with contextlib.closing(VideoReader(video)) as reader:
        return [picture.image for picture in islice(reader.pictures(), FRAMES_A_CLIP)], reader.fps


def _after_scaling(matrix: Matrix, scale: NDArray[np.float64]) -> Matrix:
    """Return the matrix large picture -> crop for `matrix`, reduced picture -> crop; pixel centres at half a pixel."""
    result = matrix.copy()
    result[:, :2] = matrix[:, :2] * scale
    result[:, 2] += matrix[:, :2] @ (0.5 * scale - 0.5)
    return result
