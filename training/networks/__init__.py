"""The networks, one definition each, shared by training, export and evaluation."""

from training.networks.cfrnet import GENERATORS, CFRNet, CFRNetRT, build_generator

__all__ = ["GENERATORS", "CFRNet", "CFRNetRT", "build_generator"]
