"""Contact sheets of a degradation: `python -m training contact-sheet --faces DIR --out sheet.png [--kind webcam]`.

Every row is one face: clean first, then independent draws of the degradation.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from app.media.pictures.picture import PICTURE_SUFFIXES
from training.data import FACE_SIZE, FaceFolderError
from training.degradation.kinds import KINDS
from training.degradation.operators import Degradation, Image
from training.errors import TrainingError


def draw(images: list[Image], degrade: Degradation, columns: int, seed: int) -> Image:
    """Draw rows of one clean and `columns` degraded versions of each image, all uint8 (S, S, 3) of one size."""
    rng = np.random.default_rng(seed)
    rows = [np.hstack([image, *(degrade(image, rng) for _ in range(columns))]) for image in images]
    return np.vstack(rows)


def read_some(folder: Path, count: int) -> list[Image]:
    """Read `count` pictures taken evenly from a folder, resized to 256x256. Raises FaceFolderError without any."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise FaceFolderError(f"{folder} holds no pictures")
    images = []
    for index in np.linspace(0, len(files) - 1, min(count, len(files))).astype(int):
        image = cv2.imread(str(files[index]), cv2.IMREAD_COLOR)
        if image is None:
            raise FaceFolderError(f"{files[index]} is not a readable picture")
        side = min(image.shape[:2])
        top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
        square = image[top : top + side, left : left + side]
        shrinking = cv2.INTER_AREA if side > FACE_SIZE else cv2.INTER_CUBIC
        images.append(np.asarray(cv2.resize(square, (FACE_SIZE, FACE_SIZE), interpolation=shrinking), np.uint8))
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of a degradation.")
    parser.add_argument("--faces", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write, .png or .jpg")
    parser.add_argument("--kind", choices=sorted(KINDS), default="training", help="which degradation")
    parser.add_argument("--rows", type=int, default=6, help="faces")
    parser.add_argument("--columns", type=int, default=6, help="draws for each face")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sheet = draw(read_some(options.faces, options.rows), KINDS[options.kind], options.columns, options.seed)
    if options.out.suffix.lower() not in (".png", ".jpg", ".jpeg") or not cv2.imwrite(str(options.out), sheet):
        raise TrainingError(f"{options.out} cannot be written; give a .png or .jpg in a folder there is")
    print(f"wrote {options.out}, {sheet.shape[1]}x{sheet.shape[0]}")
