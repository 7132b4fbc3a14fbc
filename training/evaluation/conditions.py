"""Evaluation under other conditions than the protocol's: calls, webcams, another blur kernel, other people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.data import seeded_pairs, to_images
from training.degradation.call import CallDegradation
from training.degradation.models import PaperDegradation, WebcamDegradation
from training.degradation.operators import Degradation
from training.evaluation.parallel import each_part
from training.evaluation.shipped import ShippedGenerator
from training.metrics.pictures import eye_colour_error
from training.metrics.scoring import Collected, Scorer, Scores

CYCLES = 4

PAPER, CALL, WEBCAM = "paper's D", "call D", "webcam D"
SHORT_KERNEL = "paper's D, kernel cut off at 41 pixels"
"""The conditions' titles, by which targets find them."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A degradation, seeded by the picture's index, of every face of a test set.

    `role` is that of the set in `training.evaluation.test_sets.EvaluationData`.
    """

    title: str
    role: str
    make: Callable[[], Degradation]


CONDITIONS = (
    Condition(title=CALL, role="protocol", make=CallDegradation),
    # Every face degraded: of a face left as it is PSNR has no mean, and how such faces come back is judged apart.
    Condition(title=WEBCAM, role="protocol", make=lambda: WebcamDegradation(clean=0.0)),
    Condition(
        title=SHORT_KERNEL,
        role="protocol",
        make=lambda: PaperDegradation(largest_kernel=41),
    ),
    Condition(title=PAPER, role="third", make=PaperDegradation),
    Condition(title=CALL, role="third", make=CallDegradation),
)


def judge_condition(
    condition: Condition,
    images: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    generator: ShippedGenerator,
    scorer: Scorer,
) -> Collected:
    """Score under "input", "k1" ... "k4" of `images`, uint8 (N, 256, 256, 3) BGR, landmarks float32 (N, 5, 2)."""
    degraded, _ = seeded_pairs(images, condition.make())

    def judge(part: slice) -> dict[str, Scores]:
        truth = scorer.truth(images[part], landmarks[part])
        columns = generator.cycles(degraded[part].numpy(), CYCLES)
        found = {}
        for k, column in enumerate(columns):
            pictures = to_images(column)
            eyes = eye_colour_error(pictures, truth.images, landmarks[part])
            scores = scorer.score(pictures, truth, full=False)
            found["input" if k == 0 else f"k{k}"] = scores | {"eyes": torch.from_numpy(eyes)}
        return found

    collected = Collected()
    for found in each_part(judge, len(images), title=f"{condition.title}, {condition.role} set"):
        for name, scores in found.items():
            collected.add(name, scores)
    return collected
