"""Loss terms of HiFaceGAN (arXiv 2005.05005): LSGAN and multi-scale feature matching beside features and pixels.

Scores and features are what `MultiScaleDiscriminator` returns: for each size the features of every layer, scores last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

Judgement = list[list[Tensor]]


@dataclass(frozen=True, kw_only=True)
class RenovationWeights:
    """The weight of every term; zero switches a term off. Saved beside the weights.

    The authors' network was trained with adversarial 1, matching 10 and perceptual 10 and no other term. Here
    `perceptual` and `coarse` are LPIPS on VGG16, on a window and on the face averaged over 3x3 pixels, `texture` the
    part that Gram matrices have in both, and `pixel` is the mean absolute error.
    """

    pixel: float = 0.5
    perceptual: float = 1.0
    coarse: float = 2.5
    texture: float = 0.25
    adversarial: float = 0.01
    matching: float = 0.1


def lsgan_generator_loss(fake: Judgement) -> Tensor:
    """E[(D(G(x)) - 1)^2], averaged over the sizes."""
    return torch.stack([(features[-1].float() - 1.0).square().mean() for features in fake]).mean()


def lsgan_discriminator_loss(real: Judgement, fake: Judgement) -> Tensor:
    """E[(D(y) - 1)^2] / 2 + E[D(G(x))^2] / 2, averaged over the sizes."""
    terms = [
        0.5 * (a[-1].float() - 1.0).square().mean() + 0.5 * b[-1].float().square().mean()
        for a, b in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def feature_matching_loss(fake: Judgement, real: Judgement) -> Tensor:
    """Mean absolute difference of the features, summed over the layers and averaged over the sizes."""
    terms = [
        torch.stack([(a - b.detach()).float().abs().mean() for a, b in zip(found[:-1], wanted[:-1], strict=True)]).sum()
        for found, wanted in zip(fake, real, strict=True)
    ]
    return torch.stack(terms).mean()
