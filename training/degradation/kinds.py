"""The registry of degradations by name, for recipes, contact sheets and evaluations."""

from __future__ import annotations

import numpy as np

from training.degradation.call import CallDegradation
from training.degradation.hifacegan import SUB_TASKS, RenovationMixture, renovation
from training.degradation.mixture import TrainingDegradation
from training.degradation.models import PaperDegradation, WebcamDegradation
from training.degradation.operators import Degradation, Image


def leave(image: Image, rng: np.random.Generator) -> Image:
    """Return the face unchanged, for methods that degrade by themselves."""
    return image


KINDS: dict[str, Degradation] = {
    "none": leave,
    "paper": PaperDegradation(),
    "webcam": WebcamDegradation(),
    "call": CallDegradation(),
    "training": TrainingDegradation(),
    "paper-mixture": TrainingDegradation(paper=0.85, webcam=0.10, call=0.0, shapes=0.25),
    **SUB_TASKS,
    "renovation": renovation,
    "renovation-mixture": RenovationMixture(),
}
