"""Pictures and videos without a truth: how natural the result looks, and how much it flickers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from app.core.types import Face
from app.faces.alignment import TEMPLATE_SIDE, estimate_similarity, scale_of, warp_crop
from app.faces.detector import FaceDetector
from app.faces.still_detector import StillDetector
from app.media.pictures.picture import PICTURE_SUFFIXES
from training.data import FaceFolderError, to_images, to_tensor
from training.evaluation.parallel import each_part
from training.evaluation.shipped import ShippedGenerator
from training.metrics.pictures import flicker
from training.metrics.scoring import Collected, Scorer, Scores

CYCLES = 4
DETECT_SIZE = 640
FACES_A_PICTURE = 4
SMALLEST_FACE = 24  # pixels of a crop's side, below which nothing can be judged
FRAMES_A_VIDEO = 60
FLICKER_CYCLES = 3

Images = NDArray[np.uint8]


def judge_photos(
    folders: Mapping[str, Path], detector: FaceDetector, generator: ShippedGenerator, scorer: Scorer,
    limit: int | None,
) -> tuple[dict[str, Any], Images]:  # fmt: skip
    """Measure NIQE at k = 0..4 by kind of photograph; also return rows of input, k = 1..3 for a contact sheet.

    `folders` maps a kind to its folder. The rows are uint8 (N, 4, 256, 256, 3) BGR.
    """
    figures: dict[str, Any] = {}
    rows = []
    thorough = StillDetector(detector)
    for kind, folder in folders.items():
        files = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURE_SUFFIXES)[:limit]
        crops = [crop for path in files for crop in _faces_of(path, thorough)]
        if not crops:
            raise FaceFolderError(f"no face was found in the pictures of {folder}")
        given = to_tensor(np.stack(crops)).contiguous().numpy()

        def judge(part: slice, given: NDArray[np.float32] = given) -> tuple[list[Images], list[Scores]]:
            pictures = [to_images(column) for column in generator.cycles(given[part], CYCLES)]
            return pictures, [scorer.texture(column) for column in pictures]

        collected = Collected()
        for pictures, scored in each_part(judge, len(crops), title=f"photos, {kind}"):
            rows.append(np.stack(pictures[:4], axis=1))
            for k, scores in enumerate(scored):
                collected.add(f"k{k}", scores)
        figures[kind] = {"pictures": len(files), "faces": len(crops), "means": collected.means()}
    return figures, np.concatenate(rows)


def _faces_of(path: Path, detector: StillDetector) -> list[Images]:
    """Return aligned crops of the largest faces of a picture, uint8 (256, 256, 3) BGR.

    A square picture without a detection counts as one aligned face, too degraded for the detector.
    """
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None:
        raise FaceFolderError(f"{path} is not a readable picture")
    image = np.asarray(read, np.uint8)
    faces = sorted(detector.detect(image, DETECT_SIZE), key=_size, reverse=True)[:FACES_A_PICTURE]
    if not faces and image.shape[0] == image.shape[1]:
        size = (TEMPLATE_SIDE, TEMPLATE_SIDE)
        return [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)]
    matrices = [estimate_similarity(face.landmarks) for face in faces]
    return [warp_crop(image, matrix) for matrix in matrices if TEMPLATE_SIDE / scale_of(matrix) >= SMALLEST_FACE]


def _size(face: Face) -> float:
    return float((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def judge_videos(
    folder: Path, detector: FaceDetector, generator: ShippedGenerator, limit: int | None
) -> dict[str, dict[str, float]]:
    """Measure the flicker of every video's largest face, see `training.metrics.pictures.flicker`.

    The face is detected once, in the first frame that shows one, and its crop stays in place, so that only the network
    can flicker, not the tracker. Each frame is restored by itself.
    """
    videos = sorted(folder.glob("*.mp4"))[:limit]
    if not videos:
        raise FaceFolderError(f"{folder} holds no videos")
    figures = {}
    for video in tqdm(videos, desc="flicker", unit="video"):
        crops = held_crops(video, detector)
        if len(crops) < 2:
            continue
        given = to_tensor(np.stack(crops))
        values = given.contiguous().numpy()
        parts = each_part(partial(_cycles_of, generator, values), len(crops))
        found: dict[str, float] = {"frames": len(crops)}
        for k in range(1, FLICKER_CYCLES + 1):
            restored = torch.from_numpy(np.concatenate([columns[k] for columns in parts]))
            found[f"k{k}"], found["input"] = flicker(restored, given)
        if not math.isnan(found["input"]):  # a video without a still pixel says nothing about flicker
            figures[video.name] = found
    return figures


def _cycles_of(generator: ShippedGenerator, values: NDArray[np.float32], part: slice) -> list[NDArray[np.float32]]:
    return generator.cycles(values[part], FLICKER_CYCLES)


def held_crops(video: Path, detector: FaceDetector) -> list[Images]:
    """Return aligned crops of a video's first frames, all cut where its largest face is first found; [] without one."""
    frames = _frames(video)
    for frame in frames:
        faces = sorted(detector.detect(frame, DETECT_SIZE), key=_size, reverse=True)
        if faces:
            matrix = estimate_similarity(faces[0].landmarks)
            followers = islice(frames, FRAMES_A_VIDEO - 1)
            return [warp_crop(image, matrix) for image in (frame, *followers)]
    return []


def _frames(video: Path) -> Iterator[Images]:
    capture = cv2.VideoCapture(str(video))
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield np.asarray(frame, np.uint8)
    finally:
        capture.release()
