"""Measuring how steady and how sharp restored videos are.

`python -m training steadiness --data ../shared/data --weights ../shared/weights --out docs`

Sharp videos of talking people, which serve as the truth, are degraded as by a call (seed = index) and tracked by the
application's own tracker; each face is restored as the application does. Writes `steadiness.json`, which the results
page of `evaluate` includes, and prints the tables.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from app.faces.detector import FaceDetector
from app.media.files import replace_json
from app.pipeline.steady import SteadyFaces
from app.restorers.family import Restorer
from app.restorers.store import ModelStore
from training.data import to_tensor
from training.evaluation.pages.results import steadiness_lines
from training.evaluation.test_sets import DEFAULT_SETS, add_places, find_evaluation_data, read_figures
from training.evaluation.videos.clips import Clip, read_clips
from training.evaluation.videos.real_world import held_crops
from training.losses.perceptual import LPIPS
from training.metrics.landmarks import LandmarkNetwork
from training.metrics.pictures import flicker, psnr
from training.metrics.steadiness import TruthMotion, landmark_speed_error, sharpness

JUDGED_EVERY = 3  # frames; LPIPS and PSNR need no neighbours

Images = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to restore a video."""

    name: str
    k: int
    steady: int


VARIANTS = (
    Variant(name="k = 1", k=1, steady=0),
    Variant(name="k = 3", k=3, steady=0),
    Variant(name="k = 1, steady", k=1, steady=100),
    Variant(name="k = 3, steady", k=3, steady=100),
)


def restored(given: Iterable[Images], restorer: Restorer, variant: Variant) -> tuple[Images, float]:
    """Restore the crops `given` of one face as the application does; also return the mean cycles of a frame."""
    faces, shown = SteadyFaces(), []
    for crop in given:
        faces.begin([0], key=None)
        shown.append(faces.restore(0, crop, restorer, k=variant.k, steady=variant.steady))
    return np.stack([face.image for face in shown]), float(np.mean([face.cycles for face in shown]))


class ClipJudge:
    """Every figure of one clip. Its truth is analysed once."""

    def __init__(self, clip: Clip, lpips: LPIPS, landmarks: LandmarkNetwork) -> None:
        self._clip, self._lpips, self._landmarks = clip, lpips, landmarks
        self._motion = TruthMotion(clip.truth)
        self._points = landmarks(clip.truth)
        self._wanted = to_tensor(clip.truth[::JUDGED_EVERY])

    @torch.no_grad()
    def __call__(self, shown: Images) -> dict[str, float]:
        """Figures of `shown`, uint8 (T, 256, 256, 3) BGR, see `training.metrics.steadiness`."""
        judged = to_tensor(shown[::JUDGED_EVERY])
        return {
            "psnr": float(psnr(judged, self._wanted).mean()),
            "lpips_alex": float(self._lpips(judged, self._wanted).mean()),
            "sharpness": sharpness(shown[::JUDGED_EVERY], self._clip.truth[::JUDGED_EVERY]),
            "warping": self._motion.warping_error(shown),
            "landmark_speed": landmark_speed_error(self._landmarks(shown), self._points),
            # On tracked crops: what `judge_stills` finds on crops that stay in place is not comparable.
            "flicker": flicker(to_tensor(shown), to_tensor(self._clip.given))[0],
        }


def judge_calls(clips: list[Clip], restorer: Restorer, weights: Path) -> dict[str, dict[str, float]]:
    """Return {"input", "truth" and each variant: {metric: mean over the clips}}."""
    lpips, landmarks = LPIPS("alexnet", weights), LandmarkNetwork(weights)
    found: dict[str, list[dict[str, float]]] = {}
    for clip in tqdm(clips, desc="calls, restored", unit="video"):
        judge = ClipJudge(clip, lpips, landmarks)
        found.setdefault("input", []).append(judge(clip.given))
        found.setdefault("truth", []).append(judge(clip.truth))
        for variant in VARIANTS:
            shown, cycles = restored(clip.given, restorer, variant)
            found.setdefault(variant.name, []).append({**judge(shown), "cycles": cycles})
    return {name: {m: float(np.nanmean([row[m] for row in rows])) for m in rows[0]} for name, rows in found.items()}


def judge_stills(folder: Path, detector: FaceDetector, restorer: Restorer) -> dict[str, dict[str, float]]:
    """Return {video: flicker of the input and of each variant}, with crops that stay in place; see `flicker`."""
    figures = {}
    for video in tqdm(sorted(folder.glob("*.mp4")), desc="videos", unit="video"):
        crops = held_crops(video, detector)
        if len(crops) < 2:
            continue
        given, row = to_tensor(np.stack(crops)), {}
        for variant in VARIANTS:
            shown, _ = restored(crops, restorer, variant)
            row[variant.name], row["input"] = flicker(to_tensor(shown), given)
        if not np.isnan(row["input"]):
            figures[video.name] = row
    return figures


def measure(
    *, models: Path, data: Path, weights: Path, out: Path, sets: Path = DEFAULT_SETS, limit: int | None = None
) -> dict[str, Any]:
    """Measure, write `out`/steadiness.json and return what it holds.

    Raises AppError, FaceFolderError, FiguresInPlaceError.
    """
    out.mkdir(parents=True, exist_ok=True)
    read_figures(out / "steadiness.json", limit=limit)
    places = find_evaluation_data(data, sets)
    store = ModelStore(models)
    detector = FaceDetector(*store.detector_paths())
    restorer = store.create_restorer("cfrnet-rt", "int8")
    clips = read_clips(places.sharp_videos, detector, limit)
    document = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "model": store.entry("cfrnet-rt", "int8").sha256,
        "limit": limit,
        "clips": len(clips),
        "calls": judge_calls(clips, restorer, weights),
        "videos": judge_stills(places.videos, detector, restorer),
    }
    replace_json(out / "steadiness.json", document)
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how steady restored videos are.")
    add_places(parser)
    parser.add_argument("--limit", type=int, help="measure the first N sharp videos only")
    options = parser.parse_args()
    print("\n".join(steadiness_lines(measure(**vars(options)))))
