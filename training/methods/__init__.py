"""Training methods: what a step does with the networks. The loop around it is `training.train`."""

from training.methods.base import Method
from training.methods.ccfp import CCFP
from training.methods.progressive import Progressive
from training.methods.renovation import Renovation

METHODS: dict[str, type[Method]] = {"ccfp": CCFP, "progressive": Progressive, "renovation": Renovation}

__all__ = ["CCFP", "METHODS", "Method", "Progressive", "Renovation"]
