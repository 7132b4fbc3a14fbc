"""Training methods: the networks and one training step. The loop is `training.train`."""

from training.methods.base import Method
from training.methods.ccfp import CCFP
from training.methods.distillation import Distillation
from training.methods.progressive import Progressive
from training.methods.renovation import Renovation

METHODS: dict[str, type[Method]] = {
    "ccfp": CCFP,
    "distillation": Distillation,
    "progressive": Progressive,
    "renovation": Renovation,
}

__all__ = ["CCFP", "METHODS", "Distillation", "Method", "Progressive", "Renovation"]
