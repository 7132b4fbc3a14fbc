"""Which calibration method keeps INT8 closest to FP32, decided on the validation split."""

from __future__ import annotations

import tempfile
from pathlib import Path

from training.data import FaceSet, seeded_pairs, to_images
from training.evaluation.parallel import each_part
from training.evaluation.shipped import ShippedGenerator
from training.metrics.scoring import Collected, Scorer, Scores
from training.shipping.quantize import CALIBRATION_METHODS, quantize_on

CYCLES = 3


def compare_methods(
    network: str, fp32: ShippedGenerator, training: FaceSet, validation: FaceSet, scorer: Scorer
) -> dict[str, dict[str, dict[str, float]]]:
    """Return {method: {"k1": {metric: mean}, ...}} on `validation`, "fp32" being `network` before quantization."""
    figures = {"fp32": _judge(fp32, validation, scorer, "fp32")}
    with tempfile.TemporaryDirectory() as folder:
        for method in CALIBRATION_METHODS:
            path = Path(folder) / f"{method}.onnx"
            quantize_on(fp32.path, path, training, method, network=network)
            figures[method] = _judge(ShippedGenerator(path), validation, scorer, method)
    return figures


def _judge(generator: ShippedGenerator, faces: FaceSet, scorer: Scorer, title: str) -> dict[str, dict[str, float]]:
    degraded, _ = seeded_pairs(faces.images)

    def judge(part: slice) -> list[Scores]:
        truth = scorer.truth(faces.images[part], faces.landmarks[part])
        columns = generator.cycles(degraded[part].numpy(), CYCLES)
        return [scorer.score(to_images(column), truth, full=False) for column in columns[1:]]

    collected = Collected()
    for scored in each_part(judge, len(faces), title=title):
        for k, scores in enumerate(scored, start=1):
            collected.add(f"k{k}", scores)
    return collected.means()
