"""The time of steadiness for a face, and what it saves with up to six: 1280x720, k = 3, still or speaking faces.

python benchmarks/steady.py [--frames 60] [--faces 6] [--speaking 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.machine import describe_machine, usable_threads
from app.core.settings import Settings
from app.core.types import Frame, Image
from app.faces.alignment import TEMPLATE_SIDE
from app.faces.detector import FaceDetector
from app.faces.tracker import FaceTracker
from app.pipeline.budget import AutoK
from app.pipeline.live.loader import make_lanes
from app.pipeline.process import FramePipeline
from app.pipeline.steady import SteadyFaces
from app.restorers.base import EngineInfo, RestoredCrop
from app.restorers.families import family
from app.restorers.store import ModelStore

FPS = 30.0
MOST_FACES = 6
NOISE = 3.0
_MOUTH = (226.0, 141.0)  # of the portrait


class _Unchanged:
    """A restorer that takes no time, so that only steadiness is measured."""

    name, family, k_range = "unchanged", family("cfrnet"), (1, 4)
    engine = EngineInfo(provider_asked="", provider_got="", precision="", threads=1)

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        return RestoredCrop(image=crop, cycles=k, steps=(0.0,) * k, cycles_ms=(0.0,) * k)

    def warm_up(self) -> float:
        return 0.0


def cost_of_a_face(repeats: int = 300) -> float:
    """Measure the median milliseconds of a noisy face of the crop's size, without cycles."""
    rng = np.random.default_rng(0)
    crops = [rng.normal(120, NOISE, (TEMPLATE_SIDE, TEMPLATE_SIDE, 3)).clip(0, 255).astype(np.uint8) for _ in range(8)]
    faces, taken = SteadyFaces(), []
    for number in range(repeats):
        faces.begin([0], key=0)
        started = time.perf_counter()
        faces.restore(0, crops[number % len(crops)], _Unchanged(), k=3, steady=100)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def portraits(frames: int, *, count: int, speaking: int) -> list[Image]:
    """Return `count` soft portraits with new noise in every frame; the first `speaking` open and close their mouths."""
    from skimage.data import astronaut

    head = np.ascontiguousarray(cv2.GaussianBlur(astronaut()[20:260, 104:344, ::-1], (0, 0), 2.5))
    rng, images = np.random.default_rng(0), []
    places = [(70 + 400 * (face % 3), 60 + 340 * (face // 3)) for face in range(count)]
    for number in range(frames):
        image = np.full((720, 1280, 3), (120, 110, 100), np.uint8)
        for face, (x, y) in enumerate(places):
            shown = head
            if face < speaking:
                shown = head.copy()
                mouth = round(_MOUTH[0] - 104), round(_MOUTH[1] - 20)
                cv2.ellipse(shown, mouth, (12, 1 + abs(6 - number % 12)), 0, 0, 360, (40, 30, 60), -1)
            image[y : y + 240, x : x + 240] = shown
        images.append(np.clip(image + rng.normal(0, NOISE, image.shape), 0, 255).astype(np.uint8))
    return images


def rate(images: list[Image], *, steady: int) -> dict[str, float]:
    """Measure the frame rate of the whole pipeline, and the cycles a frame, after the first ten frames."""
    store, settings = ModelStore(), Settings(k=3, steady=steady)
    restorer = store.create_restorer()
    cycle_ms = restorer.warm_up()
    taken, cycles, overhead = [], [], []
    with ThreadPoolExecutor(usable_threads(0)) as pool:
        tracker = FaceTracker(FaceDetector(*store.detectors()), concurrent_map=pool.map)
        pipeline = FramePipeline(tracker, restorer)
        pipeline.lanes = make_lanes(store, settings, restorer, pool, auto_k=AutoK(cycle_ms=cycle_ms))
        for number, image in enumerate(images):
            started = time.perf_counter()
            frame = Frame(image=image, index=number, t_capture=started, t_media=number / FPS)
            restored = pipeline.process(frame, settings)
            taken.append(time.perf_counter() - started)
            cycles.append(sum(face.cycles for face in restored.faces))
            overhead.append(restored.timings.overhead_ms)
    return {
        "fps": 1 / statistics.median(taken[10:]),
        "cycles_a_frame": statistics.mean(cycles[10:]),
        "overhead_ms": statistics.median(overhead[10:]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--faces", type=int, default=MOST_FACES, choices=range(1, MOST_FACES + 1), metavar="N")
    parser.add_argument("--speaking", type=int, default=0, help="how many of them speak (default none)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    images = portraits(options.frames, count=options.faces, speaking=options.speaking)
    figures = {
        "machine": describe_machine(),
        "steady_ms_a_face": cost_of_a_face(),
        "faces": options.faces,
        "speaking": options.speaking,
        "off": rate(images, steady=0),
        "on": rate(images, steady=100),
    }
    print(figures["machine"])
    print(f"steadiness: {figures['steady_ms_a_face']:.2f} ms a face")
    print(f"{options.faces} faces, 1280x720, k = 3, {options.speaking} of them speaking")
    for name in ("off", "on"):
        row = figures[name]
        print(
            f"steady {name:3}: {row['fps']:5.1f} fps, {row['cycles_a_frame']:5.1f} cycles a frame, "
            f"{row['overhead_ms']:.1f} ms beside them"
        )
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
