"""The degradation of training: a mixture of degradations and clean faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.degradation.call import WIDE_CALL
from training.degradation.models import PaperDegradation, WebcamDegradation
from training.degradation.operators import Image


@dataclass(frozen=True, kw_only=True)
class TrainingDegradation:
    """The probabilities of the paper's D, the webcam D and the call D; the rest are clean faces.

    With probability `shapes` the paper's D blurs with a kernel of another shape, see `operators.varied_blur`.
    """

    paper: float = 0.40
    webcam: float = 0.16
    call: float = 0.38
    shapes: float = 0.5

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Degrade `image`, uint8 (S, S, 3) BGR, by one of the three, or return it unchanged."""
        draw = rng.random() - self.paper
        if draw < 0.0:
            return PaperDegradation(shapes=self.shapes)(image, rng)
        draw -= self.webcam
        if draw < 0.0:
            return WebcamDegradation()(image, rng)
        return WIDE_CALL(image, rng) if draw < self.call else image
