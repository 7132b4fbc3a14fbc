"""The networks, one definition each, shared by training, export and evaluation."""

from training.networks.cfrnet import CFRNet, CFRNetRT, ResidualBlock, residual_blocks
from training.networks.registry import GENERATORS, build_generator

FAMILIES = {
    "cfrnet": "cfrnet",
    "cfrnet-rt": "cfrnet",
    "cfrnet-d": "cfrnet-d",
    "hifacegan": "hifacegan",
    "hifacegan-lite": "hifacegan",
    "pfsrnet": "pfsrnet",
}
"""A network's name -> the family of `app.restorers.families` that its files belong to."""

__all__ = ["FAMILIES", "GENERATORS", "CFRNet", "CFRNetRT", "ResidualBlock", "build_generator", "residual_blocks"]
