"""Making a training folder from any pictures: detecting and aligning faces, listing them in landmarks.csv.

`python -m training prepare --pictures DIR --out DIR [--source NAME] [--format webp]`

Several runs into one folder add to its list, one source each; a repeated run replaces its source.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.faces.alignment import estimate_similarity, scale_of, transform, warp_crop
from app.faces.detector import FaceDetector
from app.faces.still_detector import StillDetector
from app.media.pictures.picture import PICTURE_SUFFIXES
from app.restorers.store import MODELS_FOLDER, ModelStore
from training.data import FACE_SIZE, FaceFolderError

TABLE = "landmarks.csv"
POINTS = ("leye", "reye", "nose", "lmouth", "rmouth")
HEADER = ("file", "source", "score", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))
DETECT_SIZE = 1280
# An enlarged face teaches the network that blur is the truth.
SMALLEST_SIDE = 200
LOWEST_SCORE = 0.6
WEBP_QUALITY = 95

Image = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class PreparedFace:
    """An aligned face: image uint8 (256, 256, 3) BGR, landmarks float32 (5, 2) in its pixels, the detector's score."""

    image: Image
    landmarks: NDArray[np.float32]
    score: float


def prepare_picture(
    image: Image, detector: StillDetector, *, smallest: float, skipped: Counter[str]
) -> Iterator[PreparedFace]:
    """Return the usable faces of a picture, uint8 (H, W, 3) BGR; `skipped` counts the reasons for leaving others out.

    `smallest` is the least side in pixels that the aligned crop may have in the picture.
    """
    faces = detector.detect(image, DETECT_SIZE)
    if not faces:
        skipped["no face found"] += 1
    for face in faces:
        matrix = estimate_similarity(face.landmarks)
        if face.score < LOWEST_SCORE:
            skipped["face not certain"] += 1
        elif FACE_SIZE / scale_of(matrix) < smallest:
            skipped[f"face smaller than {smallest:.0f} pixels"] += 1
        else:
            yield PreparedFace(
                image=warp_crop(image, matrix), landmarks=transform(face.landmarks, matrix), score=face.score
            )


def prepare(
    *, pictures: Path, out: Path, source: str, models: Path = MODELS_FOLDER, smallest: float = SMALLEST_SIDE,
    suffix: str = ".webp",
) -> tuple[int, Counter[str]]:  # fmt: skip
    """Fill `out` with the faces of every picture under `pictures`; return their number and the reasons for others.

    Raises FaceFolderError when there are no pictures or no usable face, AppError when the detector cannot be loaded.
    """
    files = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise FaceFolderError(f"{pictures} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    if out.resolve() == pictures.resolve() or pictures.resolve() in out.resolve().parents:
        raise FaceFolderError(f"{out} lies within {pictures}: its faces would be taken for pictures next time")
    detector = StillDetector(FaceDetector(*ModelStore(models).detectors()))
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    skipped = Counter[str]()
    for path in tqdm(files, desc="prepare", unit="picture"):
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
        if image is None:
            skipped["picture not readable"] += 1
            continue
        for face in prepare_picture(np.asarray(image, np.uint8), detector, smallest=smallest, skipped=skipped):
            name = f"{source}_{len(rows):05}{suffix}"
            _write_image(out / name, face.image)
            points = [f"{value:.1f}" for value in face.landmarks.ravel()]
            rows.append(dict(zip(HEADER, (name, source, f"{face.score:.3f}", *points), strict=True)))
    if not rows:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in skipped.most_common())
        raise FaceFolderError(f"{pictures} gave no usable face ({reasons})")
    _write_table(out / TABLE, rows, source)
    return len(rows), skipped


def _write_image(path: Path, image: Image) -> None:
    options = (cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY) if path.suffix == ".webp" else ()
    ok, data = cv2.imencode(path.suffix, image, options)
    if not ok:
        raise ValueError(f"cannot encode {path.name}")
    path.write_bytes(data.tobytes())


def _write_table(path: Path, rows: list[dict[str, str]], source: str) -> None:
    """Replace the rows of `source` and keep the others."""
    kept: list[dict[str, str]] = []
    if path.is_file():
        with path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["source"] != source]
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(kept + rows)
    part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Find and align the faces of a folder of pictures for training.")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of pictures, searched to its depth")
    parser.add_argument("--out", type=Path, required=True, help="folder for the faces and landmarks.csv")
    parser.add_argument("--source", help="name of this collection in landmarks.csv; the folder's name by default")
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER, help="folder with the detector")
    parser.add_argument("--smallest", type=float, default=SMALLEST_SIDE, help="least side of a face's crop in pixels")
    parser.add_argument("--format", choices=("webp", "png"), default="webp")
    options = parser.parse_args()
    count, skipped = prepare(
        pictures=options.pictures, out=options.out, source=options.source or options.pictures.resolve().name,
        models=options.models, smallest=options.smallest, suffix=f".{options.format}",
    )  # fmt: skip
    for reason, number in skipped.most_common():
        print(f"left out: {reason} ({number})")
    print(f"wrote {count} faces to {options.out}")
