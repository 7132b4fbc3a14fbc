"""Milliseconds that each degradation takes for a 256x256 face, on one core.

python benchmarks/degradation.py --faces FOLDER [--repeats 200]

Needs the training requirements. Training degrades in a separate process, which delays the step only if a batch takes
longer than a step.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.machine import describe_machine
from training.degradation.contact_sheet import read_some
from training.degradation.kinds import KINDS

FACES = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--repeats", type=int, default=200, help="faces degraded by each kind (default 200)")
    options = parser.parse_args()
    cv2.setNumThreads(0)  # as in the training's worker
    images = read_some(options.faces, FACES)
    print(describe_machine())
    print(f"{'degradation':<20}{'mean ms':>10}{'median ms':>12}")
    for name, degrade in KINDS.items():
        rng = np.random.default_rng(0)
        taken = []
        for i in range(options.repeats):
            started = time.perf_counter()
            degrade(images[i % len(images)], rng)
            taken.append(1000 * (time.perf_counter() - started))
        print(f"{name:<20}{statistics.fmean(taken):>10.1f}{statistics.median(taken):>12.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
