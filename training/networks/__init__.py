"""The networks, one definition each, shared by training, export and evaluation."""

from training.networks.cfrnet import GENERATORS, CFRNet, CFRNetRT, ResidualBlock, build_generator, residual_blocks

__all__ = ["GENERATORS", "CFRNet", "CFRNetRT", "ResidualBlock", "build_generator", "residual_blocks"]
