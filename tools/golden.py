"""Make the golden images of every shipped network, and the bounds of the comparison with them.

python tools/golden.py [NAME ...]

For each restorer (or those named) one face is restored by the most exact precision that ships, with the family's own
number of cycles, and written to tests/restorers/golden/NAME.png. bounds.json states how far every
precision may be from it: half as much again as it was when this ran, and never less than what another processor's
rounding changes. Run it when a network is published, and look at the pictures.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.types import Image
from app.restorers.store import ModelStore

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "restorers" / "golden"
BOUNDS = FOLDER / "bounds.json"
_MARGIN = 1.5
_LEAST = {"fp32": (0.2, 4.0), "fp16": (0.5, 8.0), "int8": (0.5, 12.0)}  # mean and maximum, in levels of 255


def degraded_face(side: int) -> Image:
    """uint8 (side, side, 3) BGR: a face as a poor camera shows it, always the same."""
    face = np.ascontiguousarray(astronaut()[:, :, ::-1])[2:242, 104:344]
    small = cv2.resize(face, (72, 72), interpolation=cv2.INTER_AREA).astype(np.float32)
    small += np.random.default_rng(0).normal(0, 4, small.shape)
    image = cv2.resize(np.clip(small, 0, 255), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


def restored_face(store: ModelStore, name: str, precision: str) -> Image:
    """The degraded face restored by the restorer `name` with the family's own number of cycles."""
    restorer = store.create_restorer(name, precision, threads=1)
    return restorer.restore(degraded_face(restorer.family.crop_side), k=restorer.family.default_k).image


def distance(image: Image, golden: Image) -> dict[str, float]:
    """Return the mean and maximum absolute difference in levels of 255."""
    difference = np.abs(image.astype(np.int16) - golden)
    return {"mean": float(difference.mean()), "max": float(difference.max())}


def main(names: list[str]) -> int:
    store = ModelStore()
    bounds = json.loads(BOUNDS.read_text()) if BOUNDS.is_file() else {}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for shipped in store.restorers():
        if names and shipped.name not in names:
            continue
        golden = restored_face(store, shipped.name, shipped.precisions[-1])
        cv2.imwrite(str(FOLDER / f"{shipped.name}.png"), golden)
        bounds[shipped.name] = {}
        for precision in shipped.precisions:
            found = distance(restored_face(store, shipped.name, precision), golden)
            least = dict(zip(("mean", "max"), _LEAST[precision], strict=True))
            bounds[shipped.name][precision] = {
                key: max(math.ceil(found[key] * _MARGIN * 10) / 10, least[key]) for key in found
            }
            print(f"{shipped.name} {precision}: mean {found['mean']:.3f}, maximum {found['max']:.0f}")
    BOUNDS.write_text(json.dumps(bounds, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
