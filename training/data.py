"""Faces for training: any folder of pictures, decoded once, degraded in a process of its own.

A folder holds a `landmarks.csv` (columns file, source, score and x, y of left eye, right eye, nose, left and right
mouth corner, in pixels of the 256x256 picture); `training.prepare` makes such a folder of any pictures.
"""

from __future__ import annotations

import csv
import signal
import tomllib
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from app.core.machine import usable_cores
from training.degradation.models import PaperDegradation
from training.degradation.operators import Degradation
from training.errors import TrainingError

FACE_SIZE = 256
VALIDATION_FACES = 96

SOURCES = Path(__file__).with_name("sources.toml")
"""Facts about the sources of training faces: how often to draw them, and which validate."""


class FaceFolderError(TrainingError):
    """A folder that cannot be trained on; the message says what it lacks."""


@dataclass(frozen=True)
class FaceSet:
    """Aligned faces in memory: images uint8 (N, 256, 256, 3) BGR, landmarks float32 (N, 5, 2) pixels, weights (N,)."""

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Batch:
    """A batch: float32 (N, 3, S, S), RGB, [-1, 1], channels last; landmarks float32 (N, 5, 2), pixels of the crop."""

    degraded: Tensor
    clean: Tensor
    landmarks: Tensor


def load_faces(folder: Path, sources: Path = SOURCES) -> tuple[FaceSet, FaceSet]:
    """Read every face that `landmarks.csv` lists and return (training, validation).

    `sources` is a file like `sources.toml`. The validation split is fixed by the file order, holds photographs only
    where the folder names its sources, and is where every choice is made.
    """
    table = folder / "landmarks.csv"
    if not table.is_file():
        raise FaceFolderError(
            f"{folder} has no landmarks.csv; `python -m training prepare` makes one from any pictures"
        )
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise FaceFolderError(f"{table} lists no face")
    with ThreadPoolExecutor() as pool:
        images = np.stack(list(pool.map(lambda row: _read_face(folder / row["file"]), rows)))
    points = ("leye", "reye", "nose", "lmouth", "rmouth")
    landmarks = np.array([[[row[f"{p}_{a}"] for a in "xy"] for p in points] for row in rows], np.float32)
    known = tomllib.loads(sources.read_text(encoding="utf-8"))
    weights = np.array([known["weights"].get(row.get("source", ""), 1.0) for row in rows])

    judging = known["validation"]["sources"]
    judges = [i for i, row in enumerate(rows) if row.get("source") in judging] or list(range(len(rows)))
    held_out = judges[:: max(1, len(judges) // VALIDATION_FACES)][:VALIDATION_FACES]
    kept = np.setdiff1d(np.arange(len(rows)), held_out)
    if not len(kept):
        raise FaceFolderError(f"{folder} holds {len(rows)} faces, too few to train on")
    return tuple(  # type: ignore[return-value]
        FaceSet(images[index], landmarks[index], weights[index]) for index in (kept, np.array(held_out))
    )


def _read_face(path: Path) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape != (FACE_SIZE, FACE_SIZE, 3):
        raise FaceFolderError(f"{path} is not a readable {FACE_SIZE}x{FACE_SIZE} colour picture")
    return image  # type: ignore[return-value]


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Turn uint8 (N, H, W, 3) BGR into float32 (N, 3, H, W) RGB in [-1, 1], channels last."""
    return normalized(torch.from_numpy(images))


def normalized(images: Tensor) -> Tensor:
    """Apply `to_tensor` to a tensor on its device."""
    rgb = images.permute(0, 3, 1, 2).flip(1)
    return rgb.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1.0)


def to_images(values: Tensor | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn float (N, 3, H, W) RGB in [-1, 1] into uint8 (N, H, W, 3) BGR, rounded and clipped."""
    if isinstance(values, Tensor):
        values = values.detach().float().cpu().numpy()
    levels = np.clip(np.rint((values[:, ::-1] + 1.0) * 127.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


class _DegradedCrops(IterableDataset[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]]):
    """Endless whole batches. One degraded face serves several crops, because degrading is the expensive part."""

    def __init__(self, faces: FaceSet, *, batch: int, crop: int, seed: int, degrade: Degradation) -> None:
        self.faces, self.batch, self.crop, self.seed, self.degrade = faces, batch, crop, seed, degrade
        self.crops_per_face = 1 if crop == FACE_SIZE else 2

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]]:
        cv2.setNumThreads(0)
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        chances = self.faces.weights / self.faces.weights.sum()
        while True:
            degraded, clean, points = [], [], []
            for index in rng.choice(len(self.faces), size=self.batch // self.crops_per_face, p=chances):
                image, landmarks = self.faces.images[index], self.faces.landmarks[index]
                if rng.random() < 0.5:
                    image, landmarks = flip(image, landmarks)
                bad = self.degrade(image, rng)
                for _ in range(self.crops_per_face):
                    left, top = self._corner(landmarks, rng)
                    window = np.s_[top : top + self.crop, left : left + self.crop]
                    degraded.append(bad[window])
                    clean.append(image[window])
                    points.append(landmarks - np.array([left, top], np.float32))
            yield np.stack(degraded), np.stack(clean), np.stack(points).astype(np.float32)

    def _corner(self, landmarks: NDArray[np.float32], rng: np.random.Generator) -> tuple[int, int]:
        """Return left and top of a crop; every second one is centred near a landmark."""
        most = FACE_SIZE - self.crop
        if most == 0 or rng.random() < 0.5:
            left, top = rng.integers(0, most + 1, 2)
        else:
            centre = landmarks[rng.integers(5)] + rng.uniform(-24, 24, 2)
            left, top = np.clip(np.round(centre - self.crop / 2), 0, most).astype(int)
        return int(left), int(top)


def flip(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Mirror a face; the left eye and mouth corner change places with the right ones."""
    mirrored = landmarks[[1, 0, 2, 4, 3]] * np.array([-1, 1], np.float32) + np.array(
        [image.shape[1] - 1, 0], np.float32
    )
    return image[:, ::-1], mirrored


def batches(
    faces: FaceSet, *, batch: int, crop: int, seed: int, degrade: Degradation, device: torch.device
) -> Generator[Batch, None, None]:
    """Yield batches on `device` endlessly, from worker processes that stay a few batches ahead.

    On a CPU one worker is enough, and leaves the cores to the training; a GPU needs most of them.
    """
    fast = device.type == "cuda"
    loader = DataLoader(
        _DegradedCrops(faces, batch=batch, crop=crop, seed=seed, degrade=degrade),
        batch_size=None,
        num_workers=max(1, usable_cores() - 2) if fast else 1,
        prefetch_factor=6,
        collate_fn=_as_tensors,
        pin_memory=fast,
        worker_init_fn=_prepare_worker,
    )
    for degraded, clean, landmarks in loader:
        on_device = (tensor.to(device, non_blocking=fast) for tensor in (degraded, clean, landmarks))
        pictures, truth, points = on_device
        yield Batch(normalized(pictures), normalized(truth), points)


def _as_tensors(arrays: Sequence[NDArray[np.generic]]) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in arrays)


def _prepare_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C or SIGTERM for the whole process group stops the trainer; this process ends with it, not before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def seeded_pairs(images: NDArray[np.uint8], degrade: Degradation | None = None) -> tuple[Tensor, Tensor]:
    """Return (degraded, clean) of an evaluation set, seeded by the picture's index; the paper's D by default."""
    degrade = degrade or PaperDegradation()
    degraded = np.stack([degrade(image, np.random.default_rng(i)) for i, image in enumerate(images)])
    return to_tensor(degraded), to_tensor(images)
