"""Test sets: folders of faces, pictures and videos that no network is trained or tuned on, named by a data file."""

from __future__ import annotations

import argparse
import contextlib
import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.alignment import FFHQ_TEMPLATE
from app.faces.detector import FaceDetector
from app.media.pictures.picture import PICTURE_SUFFIXES
from training.data import FACE_SIZE, FaceFolderError
from training.errors import TrainingError

DEFAULT_SETS = Path(__file__).parents[1] / "test_sets.toml"
"""The sets that the published figures were measured on."""


@dataclass(frozen=True, kw_only=True)
class FaceFolder:
    """The folder of a set of test faces, and a note for readers of its figures."""

    folder: Path
    note: str = ""

    @property
    def name(self) -> str:
        """The folder's own name, which tables show."""
        return self.folder.name


@dataclass(frozen=True, kw_only=True)
class EvaluationData:
    """The places of all test data, as `training/test_sets.toml` lists them.

    `faces` maps a role to its set: "protocol" is the set of the targets, "second" and "third" are others. `photos` maps
    a kind of degraded picture to its folder. `videos` are real ones, `sharp_videos` serve as truth once degraded.
    """

    faces: Mapping[str, FaceFolder]
    photos: Mapping[str, Path]
    videos: Path
    sharp_videos: Path
    validation: Path

    @property
    def names(self) -> dict[str, str]:
        """The names of the sets of faces by their roles."""
        return {role: place.name for role, place in self.faces.items()}


def find_evaluation_data(data: Path, listing: Path = DEFAULT_SETS) -> EvaluationData:
    """Return the sets that `listing` names below the folder `data`. Raises FaceFolderError for an unusable list."""
    try:
        names = tomllib.loads(listing.read_text(encoding="utf-8"))
        found = EvaluationData(
            faces={
                role: FaceFolder(folder=data / its["folder"], note=its.get("note", ""))
                for role, its in {"protocol": names["faces"]["protocol"], **names["faces"]}.items()
            },
            photos={kind: data / names["photos"]["folder"] / kind for kind in names["photos"]["kinds"]},
            videos=data / names["videos"]["real"],
            sharp_videos=data / names["videos"]["sharp"],
            validation=data / names["validation"]["folder"],
        )
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FaceFolderError(f"{listing} cannot be read as a list of test sets: {error}") from error
    except (KeyError, TypeError) as error:
        raise FaceFolderError(f"{listing} lacks an entry of a list of test sets: {error}") from error
    for name, count in Counter(found.names.values()).items():
        if count > 1:
            raise FaceFolderError(f"{listing} has {count} sets of faces in folders called {name}, which names them")
    return found


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Clean faces in the order of their names, uint8 (N, 256, 256, 3) BGR, and their landmarks, float32 (N, 5, 2).

    `found` is the number of faces that the detector found.
    """

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    found: int


def read_test_set(folder: Path, detector: FaceDetector, limit: int | None) -> TestSet:
    """Read a folder of 256x256 faces. A face that the detector misses is taken to lie on the template exactly."""
    images = read_faces(folder, limit)
    landmarks, found = [], 0
    for image in images:
        faces = detector.detect(image, FACE_SIZE)
        found += bool(faces)
        landmarks.append(faces[0].landmarks if faces else FFHQ_TEMPLATE)
    return TestSet(images=images, landmarks=np.stack(landmarks).astype(np.float32), found=found)


def read_faces(folder: Path, limit: int | None) -> NDArray[np.uint8]:
    """Read the first `limit` faces of a folder, uint8 (N, 256, 256, 3) BGR. Raises FaceFolderError."""
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise FaceFolderError(f"{folder} holds no pictures")
    images: list[NDArray[np.uint8]] = []
    for path in files[:limit]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or image.shape != (FACE_SIZE, FACE_SIZE, 3):
            raise FaceFolderError(f"{path} is not a readable {FACE_SIZE}x{FACE_SIZE} colour picture")
        images.append(np.asarray(image, np.uint8))
    return np.stack(images)


class FiguresInPlaceError(TrainingError):
    """Figures that a run would replace by those of another network or of fewer faces."""


def read_figures(
    path: Path, *, limit: int | None, network: str = "", sets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Read the figures that an earlier run wrote to `path`, JSON; nothing where there are none.

    Those of more or fewer faces than the first `limit` count as none. Raises FiguresInPlaceError when these must not be
    replaced: they are of all faces and only some are asked for, or not of `network` or of the `sets` of faces (folders
    by role), if these are given. Figures that name no sets are of those in `DEFAULT_SETS`.
    """
    found = read_json(path)
    if found and sets is not None and found.get("sets", find_evaluation_data(Path()).names) != sets:
        raise FiguresInPlaceError(f"{path} has the figures of other test sets; name another folder")
    if network and found.get("network", network) != network:
        raise FiguresInPlaceError(f"{path} has the figures of {found['network']}; name another folder")
    if limit is not None and found and found.get("limit") is None:
        raise FiguresInPlaceError(f"{path} has the figures of all faces; name another folder beside --limit")
    return found if found.get("limit") == limit else {}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one without a readable file."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is measured, on what and where it is written: models, data, sets, weights, out."""
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, required=True, help="folder of the test sets")
    parser.add_argument("--sets", type=Path, default=DEFAULT_SETS, help="list of the test sets in it, TOML")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the metrics' published weights")
    parser.add_argument("--out", type=Path, default=Path("docs"))
