"""Faces for the tests of training: made up where they suffice, real ones where the test is about real ones."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.faces.alignment import FFHQ_TEMPLATE
from training.evaluation.parallel import one_thread_each
from training.prepare import HEADER

Images = NDArray[np.uint8]


@pytest.fixture(autouse=True, scope="session")
def _calm() -> Iterator[None]:
    """One thread: results do not depend on the machine, and other programs are left room."""
    with one_thread_each():
        yield


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data/ and weights/; the environment variable CFRNET_DATA says where."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("CFRNET_DATA", root.parent / "shared"))
    if not (folder / "data").is_dir() or not (folder / "weights").is_dir():
        pytest.skip(f"needs the research data: no data/ and weights/ in {folder} (set CFRNET_DATA)")
    return folder


@pytest.fixture(scope="session")
def weights(shared: Path) -> Path:
    return shared / "weights"


@pytest.fixture(scope="session")
def real_faces(shared: Path) -> tuple[Images, NDArray[np.float32]]:
    """Six photographs of the training set, uint8 (6, 256, 256, 3) BGR, and their landmarks, float32 (6, 5, 2)."""
    folder = shared / "data" / "train"
    with (folder / "landmarks.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "celebahq_train1000"][:60:10]
    images = np.stack([cv2.imread(str(folder / row["file"])) for row in rows])
    landmarks = np.array([[float(row[name]) for name in HEADER[3:]] for row in rows], np.float32)
    return np.asarray(images, np.uint8), landmarks.reshape(-1, 5, 2)


def made_up_faces(count: int, size: int = 256, seed: int = 0) -> Images:
    """Smooth coloured blobs with a fine texture, uint8 (count, size, size, 3): something to blur and to restore."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(30, 220, (count, 9, 9, 3)).astype(np.float32)
    large = np.stack([cv2.resize(each, (size, size), interpolation=cv2.INTER_CUBIC) for each in coarse])
    return np.clip(large + rng.normal(0, 6, large.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def face_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training folder of eight made-up faces; the three photographs among them become the validation split."""
    folder = tmp_path_factory.mktemp("faces")
    sources = ["ffhq256_real" if i < 3 else "other" for i in range(8)]
    points = [f"{value:.1f}" for value in FFHQ_TEMPLATE.ravel()]
    with (folder / "landmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i, image in enumerate(made_up_faces(8)):
            cv2.imwrite(str(folder / f"{i}.png"), image)
            writer.writerow((f"{i}.png", sources[i], "0.9", *points))
    return folder
