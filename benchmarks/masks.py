"""How near whole heads come to the truth when a restored crop is pasted through masks of several shapes.

python benchmarks/masks.py --faces FOLDER --weights FOLDER [--count 48]

The validation split of the faces is degraded as a video call does it, with seeds. The pasted crop, hair and background
included, is compared with the sharp one. Needs the training requirements.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.types import Image
from app.faces.pasting import FACE, HEAD, paste
from app.restorers.store import ModelStore
from training.data import load_faces, to_tensor
from training.degradation.call import CallDegradation
from training.losses.perceptual import LPIPS
from training.metrics.pictures import psnr

AREAS = {
    "face alone": FACE,
    "head, round": replace(HEAD, exponent=2.5),
    "head, long fade": replace(HEAD, exponent=3.5, whole_until=0.62),
    "head (in use)": HEAD,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of faces with landmarks.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the LPIPS weights")
    parser.add_argument("--count", type=int, default=48, help="faces (default 48)")
    options = parser.parse_args()
    sharp = load_faces(options.faces)[1].images[: options.count]
    truth, metric = to_tensor(sharp), LPIPS("alexnet", options.weights)
    degrade = CallDegradation()
    given = [degrade(image, np.random.default_rng(index)) for index, image in enumerate(sharp)]
    restorer = ModelStore().create_restorer()
    restored = [restorer.restore(crop, k=3).image for crop in given]

    def row(name: str, crops: list[Image]) -> None:
        images = to_tensor(np.stack(crops))
        with torch.no_grad():
            print(f"{name:<18}{float(psnr(images, truth).mean()):>8.2f}{float(metric(images, truth).mean()):>10.4f}")

    print(f"{'':<18}{'PSNR':>8}{'LPIPS-A':>10}")
    row("input", given)
    for name, area in AREAS.items():
        pasted = [crop.copy() for crop in given]
        for target, crop, made in zip(pasted, given, restored, strict=True):
            paste(target, made, crop, np.eye(2, 3, dtype=np.float32), area=area)
        row(name, pasted)
    row("crop, unpasted", restored)
    return 0


if __name__ == "__main__":
    sys.exit(main())
