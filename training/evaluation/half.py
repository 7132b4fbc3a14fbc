"""What FP16 changes in the shipped networks.

`python -m training half --data ../shared/data --weights ../shared/weights --out docs`

The application converts a network to FP16 when a provider runs that best (`app.restorers.half`). The same conversion is
compared here with FP32 on the degraded faces of the protocol, on the CPU: every intermediate image is rounded to FP16,
because graph optimisations that would keep some of them in float32 are switched off. Writes `half.json`, which
`evaluate` includes in the results page, and brings the section of the page that is there up to date.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from app.core.onnx import session_options
from app.faces.detector import FaceDetector
from app.media.files import replace_json
from app.restorers.half import to_half
from app.restorers.store import ModelStore
from training.data import seeded_pairs, to_images, to_tensor
from training.evaluation.pages.results import half_lines, replace_section
from training.evaluation.parallel import each_part
from training.evaluation.test_sets import DEFAULT_SETS, add_places, find_evaluation_data, read_figures, read_test_set
from training.losses.perceptual import LPIPS
from training.metrics.pictures import psnr
from training.metrics.scoring import Collected
from training.shipping.export import INPUT_NAME

CYCLES = 4


def open_exactly(content: bytes) -> onnxruntime.InferenceSession:
    """Open a session over an ONNX file's bytes that computes every node as the file states it."""
    options = session_options(threads=1, spinning=False)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def judge_half(content: bytes, images: NDArray[np.uint8], lpips: LPIPS) -> Collected:
    """Judge the FP32 network in `content` and its FP16 conversion after k cycles: "fp32 k1", "fp16 k1" and so on.

    `images` are sharp faces, uint8 (N, 256, 256, 3) BGR, which the protocol's degradation is applied to. "difference"
    is mean |FP16 - FP32| of 255, before rounding to 8 bits.
    """
    sessions = {"fp32": open_exactly(content), "fp16": open_exactly(to_half(content))}
    degraded, _ = seeded_pairs(images)

    @torch.no_grad()
    def judge(part: slice) -> dict[str, dict[str, torch.Tensor]]:
        truth, given = to_tensor(images[part]), degraded[part].numpy()
        states = dict.fromkeys(sessions, given)
        found: dict[str, dict[str, torch.Tensor]] = {}
        for k in range(1, CYCLES + 1):
            for precision, session in sessions.items():
                faces = [session.run(None, {INPUT_NAME: face[None]})[0] for face in states[precision]]
                states[precision] = np.concatenate(faces)
                shown = to_tensor(to_images(states[precision]))
                found[f"{precision} k{k}"] = {"psnr": psnr(shown, truth), "lpips_alex": lpips(shown, truth).flatten()}
            apart = np.abs(states["fp16"] - states["fp32"]).mean(axis=(1, 2, 3)) * 127.5
            found[f"fp16 k{k}"]["difference"] = torch.from_numpy(apart)
        return found

    collected = Collected()
    for found in each_part(judge, len(images), title="FP16 beside FP32"):
        for name, scores in found.items():
            collected.add(name, scores)
    return collected


def measure(
    *, models: Path, data: Path, weights: Path, out: Path, sets: Path = DEFAULT_SETS, limit: int | None = None
) -> dict[str, Any]:
    """Measure, write `out`/half.json and return its content.

    Raises AppError, FaceFolderError, FileNotFoundError, FiguresInPlaceError.
    """
    store = ModelStore(models)
    entry = store.entry("", "fp32")
    out.mkdir(parents=True, exist_ok=True)
    read_figures(out / "half.json", limit=limit, network=entry.name)
    place = find_evaluation_data(data, sets).faces["protocol"]
    test = read_test_set(place.folder, FaceDetector(*store.detectors()), limit)
    document = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "network": entry.name,
        "model": entry.sha256,
        "set": place.name,
        "limit": limit,
        "faces": len(test.images),
        "means": judge_half(store.load(entry), test.images, LPIPS("alexnet", weights)).means(),
    }
    replace_json(out / "half.json", document)
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what FP16 changes in the default network.")
    add_places(parser)
    parser.add_argument("--limit", type=int, help="measure the first N faces only")
    options = parser.parse_args()
    lines = list(half_lines(measure(**vars(options))))
    print("\n".join(lines))
    replace_section(options.out / "results.md", lines)
