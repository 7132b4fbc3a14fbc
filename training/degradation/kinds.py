"""Every degradation by name: what recipes, contact sheets and evaluations choose from."""

from __future__ import annotations

from training.degradation.call import CallDegradation
from training.degradation.hifacegan import SUB_TASKS, RenovationMixture, renovation
from training.degradation.mixture import TrainingDegradation
from training.degradation.models import PaperDegradation, WebcamDegradation
from training.degradation.operators import Degradation

KINDS: dict[str, Degradation] = {
    "paper": PaperDegradation(),
    "webcam": WebcamDegradation(),
    "call": CallDegradation(),
    "training": TrainingDegradation(),
    **SUB_TASKS,
    "renovation": renovation,
    "renovation-mixture": RenovationMixture(),
}
