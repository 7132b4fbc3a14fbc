"""PFSRNet's own table: PSNR and SSIM at 16 -> 128 in FP32, FP16 and INT8, calibrated by KL divergence and as shipped.

`python -m training super-resolution CHECKPOINT --faces DIR --data DIR [--sets FILE] --out docs/super-resolution.md`

The precisions are exported from the checkpoint, so only the shipped file has to be kept.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from app.core.machine import usable_threads
from app.core.onnx import session_options
from app.media.files import replace_text
from app.restorers.half import to_half
from training.checkpoint import CheckpointError, load_generator, read_checkpoint
from training.data import FaceSet, load_faces, to_images, to_tensor
from training.evaluation.test_sets import DEFAULT_SETS, find_evaluation_data, read_faces
from training.metrics.pictures import psnr, ssim
from training.networks.pfsrnet import INPUT_SIDE, OUTPUT_SIDE
from training.shipping.export import INPUT_NAME, export_onnx
from training.shipping.quantize import CALIBRATION_METHOD, quantize_on

ROLES = ("protocol", "second")
"""The test sets that are measured, by their role in `training.evaluation.test_sets.EvaluationData`."""

INT8 = {"INT8, KL divergence": "entropy", "INT8, as shipped": CALIBRATION_METHOD}
"""The rows of INT8 and how each is calibrated."""

PRINTED_DROP = (0.140, 0.012)
"""What INT8 costs in an unpublished report on deploying this network, in dB and in SSIM.

FP16 has 23.956 / 0.685 there, INT8 23.816 / 0.673.
"""
Row = tuple[float, float]


def task(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Return the 16-pixel input and the 128-pixel target of faces uint8 (N, 256, 256, 3) BGR.

    float (N, 3, 16, 16) and (N, 3, 128, 128), RGB, [-1, 1], both of 8-bit pictures, reduced by halving.
    """
    wanted = to_tensor(to_images(F.avg_pool2d(to_tensor(images), images.shape[1] // OUTPUT_SIDE)))
    given = to_tensor(to_images(F.avg_pool2d(wanted, OUTPUT_SIDE // INPUT_SIDE)))
    return given.contiguous(), wanted.contiguous()


def make_precisions(checkpoint: Path, training: FaceSet, folder: Path) -> dict[str, Path]:
    """Export a checkpoint in FP32, FP16 and INT8 into `folder`; INT8 is calibrated on training faces."""
    files = {"FP32": folder / "fp32.onnx", "FP16": folder / "fp16.onnx"}
    export_onnx(load_generator(checkpoint), files["FP32"])
    files["FP16"].write_bytes(to_half(files["FP32"].read_bytes()))
    for name, method in INT8.items():
        files[name] = folder / f"{method}.onnx"
        quantize_on(files["FP32"], files[name], training, method, network="pfsrnet")
    return files


def measure(files: dict[str, Path], images: NDArray[np.uint8]) -> dict[str, Row]:
    """Measure mean PSNR in dB and SSIM of every file and of bicubic interpolation on faces (N, 256, 256, 3) BGR."""
    given, wanted = task(images)
    size = (OUTPUT_SIDE, OUTPUT_SIDE)
    options = session_options(threads=usable_threads(0), spinning=False)
    rows = {"bicubic": _score(F.interpolate(given, size=size, mode="bicubic", align_corners=False), wanted)}
    for name, path in files.items():
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found = [session.run(None, {INPUT_NAME: face[None].numpy()})[0] for face in given]
        rows[name] = _score(torch.from_numpy(np.concatenate(found)), wanted)
    return rows


def _score(found: Tensor, wanted: Tensor) -> Row:
    found = found.clamp(-1.0, 1.0)
    return float(psnr(found, wanted).mean()), float(ssim(found, wanted).mean())


def page(results: dict[str, dict[str, Row]], counts: dict[str, int], trained: str) -> str:
    """Return the table as Markdown, with what INT8 costs beside what it cost in the report on deploying it."""
    lines = [
        "# Super-resolution, 16x16 to 128x128",
        "",
        f"Written by `python -m training super-resolution` on {datetime.now(UTC):%Y-%m-%d}. {trained}",
        "PSNR and SSIM on RGB of 8-bit pictures; the way down is by halves. INT8 is calibrated by KL divergence, as in",
        f"a report on deploying this network, and by {CALIBRATION_METHOD}, as every INT8 network here.",
        "",
        "| set | faces | network | PSNR, dB | SSIM |",
        "|---|---|---|---|---|",
    ]
    for test_set, rows in results.items():
        lines += [f"| {test_set} | {counts[test_set]} | {name} | {p:.3f} | {s:.4f} |" for name, (p, s) in rows.items()]
    lines.append("")
    for test_set, rows in results.items():
        p16, s16 = rows["FP16"]
        costs = (f"{p16 - rows[name][0]:.3f} dB and {s16 - rows[name][1]:.4f} SSIM ({name})" for name in INT8)
        lines.append(f"- {test_set}: INT8 costs {', '.join(costs)} against FP16.")
    lines.append(
        f"- That report, which is not public, states {PRINTED_DROP[0]:.2f} dB and {PRINTED_DROP[1]} SSIM, on CelebA."
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure PFSRNet at 16 -> 128 in FP32, FP16 and INT8.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--faces", type=Path, required=True, help="training faces, for calibration")
    parser.add_argument("--data", type=Path, required=True, help="folder of the test sets")
    parser.add_argument("--sets", type=Path, default=DEFAULT_SETS, help="list of the test sets in it, TOML")
    parser.add_argument("--out", type=Path, required=True, help="the page to write, .md")
    parser.add_argument("--limit", type=int, help="the first N faces of a set only")
    options = parser.parse_args()
    state = read_checkpoint(options.checkpoint)
    if state["network"] != "pfsrnet":
        raise CheckpointError(f"{options.checkpoint} holds {state['network']}, not pfsrnet")
    places = find_evaluation_data(options.data, options.sets).faces
    sets = {places[role].name: read_faces(places[role].folder, options.limit) for role in ROLES}
    with tempfile.TemporaryDirectory() as folder:
        files = make_precisions(options.checkpoint, load_faces(options.faces)[0], Path(folder))
        results = {name: measure(files, images) for name, images in sets.items()}
    trained = f"Trained for {state['elapsed'] / 60:.0f} minutes, {state['steps']} steps."
    replace_text(options.out, page(results, {name: len(images) for name, images in sets.items()}, trained))
    print(f"wrote {options.out}")
