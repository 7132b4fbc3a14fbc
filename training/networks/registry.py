"""Every generator by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

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
    """Build the untrained generator called `name`, with as many residual blocks, as wide, as the weights `like` have.

    Raises KeyError with the known names for any other.
    """
    try:
        generator = GENERATORS[name]()
    except KeyError:
        raise KeyError(f"unknown generator {name!r}; known: {', '.join(sorted(GENERATORS))}") from None
    if like is not None:
        if isinstance(generator, CFRNetRT):
            generator = CFRNetRT(refine=refining_blocks(like))
        for path, block in residual_blocks(generator).items():
            block.resize(like[f"{path}.conv1.weight"].shape[0])
    return generator


def refining_blocks(weights: Iterable[str]) -> int:
    """Return how many residual blocks the weights of a `CFRNetRT` have behind its decoder."""
    return len({name.split(".")[1] for name in weights if name.startswith("refine.")})
