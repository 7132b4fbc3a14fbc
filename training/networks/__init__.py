"""The networks, one definition each, shared by training, export and evaluation."""

from training.networks.cfrnet import CFRNet, CFRNetRT, ResidualBlock, residual_blocks
from training.networks.registry import GENERATORS, build_generator

__all__ = ["GENERATORS", "CFRNet", "CFRNetRT", "ResidualBlock", "build_generator", "residual_blocks"]
