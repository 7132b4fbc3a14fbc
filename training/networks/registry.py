"""Every generator by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from training.networks.cfrnet import CFRNet, CFRNetRT, residual_blocks
from training.networks.hifacegan import LITE, HiFaceGAN
from training.networks.pfsrnet import FaceSuperResolution

GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "cfrnet": CFRNet,
    "cfrnet-rt": CFRNetRT,
    # CFRNet-D is a recipe (single pass, re-fed), not another network.
    "cfrnet-d": CFRNetRT,
    "hifacegan": HiFaceGAN,
    "hifacegan-lite": lambda: HiFaceGAN(LITE),
    "pfsrnet": FaceSuperResolution,
}


def build_generator(name: str, like: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Build the untrained generator called `name`, with residual blocks as wide as in the weights `like`, if given.

    Raises KeyError with the known names for any other.
    """
    try:
        generator = GENERATORS[name]()
    except KeyError:
        raise KeyError(f"unknown generator {name!r}; known: {', '.join(sorted(GENERATORS))}") from None
    if like is not None:
        for path, block in residual_blocks(generator).items():
            block.resize(like[f"{path}.conv1.weight"].shape[0])
    return generator
