"""One step of cycle-consistent fixed-point training (CCFP; arXiv 2606.06850, Algorithm 1).

Everything here takes float tensors (N, 3, S, S), RGB, [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.losses.perceptual import LPIPS
from training.networks.discriminators import (
    COMPONENT_SIZES,
    ComponentDiscriminator,
    PatchDiscriminator,
    component_crops,
)
from training.networks.identity import MobileFaceNet

Degrade = Callable[[Tensor], Tensor]

COARSE = 3
"""Side of the blocks of pixels that are averaged for the coarse loss."""


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """The weight of every term; zero switches a term off and saves its cost. Saved beside the weights.

    `progressive` weighs |x_i - y|_1 for each of the k cycles trained, `fidelity` the logarithm of their squared error,
    `perceptual` their feature distance, `coarse` the same on the averaged face, `texture` the part of Gram matrices in
    both, `anchor` |G(y) - y|_1; the others weigh the paper's terms, by default not all as the paper does.
    `style` belongs to Gram matrices divided by C H W, of the critics of the facial parts that `components` names.
    """

    progressive: tuple[float, ...] = (0.3, 1.0, 0.7)
    fidelity: tuple[float, ...] = ()
    perceptual: tuple[float, ...] = (0.0, 0.0, 0.6)
    coarse: tuple[float, ...] = ()
    texture: float = 0.0
    fixed_point: float = 0.5
    cycle: float = 0.25
    anchor: float = 1.0
    adversarial: float = 0.0
    component: float = 0.0
    style: float = 0.0
    identity: float = 0.0
    components: tuple[str, ...] = tuple(COMPONENT_SIZES)

    @property
    def cycles(self) -> int:
        return len(self.progressive)

    @property
    def adversaries(self) -> bool:
        return any((self.adversarial, self.component, self.style))


def unroll(generator: nn.Module, x: Tensor, cycles: int) -> list[Tensor]:
    """[x_1, ..., x_k]: the generator applied to its own output, the gradient running through all of it."""
    outputs = []
    for _ in range(cycles):
        x = generator(x)
        outputs.append(x)
    return outputs


def progressive_loss(outputs: list[Tensor], y: Tensor, weights: tuple[float, ...]) -> Tensor:
    """L_prog's pixel part: sum_i w_i |x_i - y|_1."""
    return _weighted(outputs, weights, lambda x: (x - y).abs().mean())


def fidelity_loss(outputs: list[Tensor], y: Tensor, weights: tuple[float, ...]) -> Tensor:
    """sum_i w_i ln(mean (x_i - y)^2), the mean taken over each face: what PSNR measures, up to a factor.

    The paper has |x_i - y|_1 alone, whose best answer to a face that may be many faces is their median; PSNR's is
    their mean. The small constant keeps a face that is restored already from taking all of the gradient.
    """
    return _weighted(outputs, weights, lambda x: ((x - y).float().square().mean((1, 2, 3)) + 1e-3).log().mean())


def perceptual_loss(
    outputs: list[Tensor],
    y: Tensor,
    weights: tuple[float, ...],
    metric: LPIPS,
    window: int,
    faces: int,
    texture: float = 0.0,
) -> Tensor:
    """L_prog's feature part on a random window of each of the first `faces` faces: sum_i w_i (phi + t psi)(x_i, y).

    phi is LPIPS with VGG16 where the paper takes raw VGG-19 features: the same network family with calibrated channels.
    psi is `texture_distance`, t its part. A window costs a fraction of the face and every step draws others.
    """
    count, side = min(faces, len(y)), y.shape[-1]
    window = min(window, side)
    # Half a window beyond either edge, moved back inside: hair and ears at the border, which windows that are drawn
    # within the face hardly ever show, are then seen a third as often as what is seen most.
    corners = torch.randint(-(window // 2), side - window + window // 2 + 1, (count, 2)).clamp(0, side - window)

    def cut(x: Tensor) -> Tensor:
        parts = [x[i, :, top : top + window, left : left + window] for i, (top, left) in enumerate(corners.tolist())]
        return torch.stack(parts).contiguous(memory_format=torch.channels_last)

    used = [cut(x) if weight else x for x, weight in zip(outputs, weights, strict=True)]
    return _feature_loss(used, cut(y), weights, metric, texture)


def coarse_perceptual_loss(
    outputs: list[Tensor], y: Tensor, weights: tuple[float, ...], metric: LPIPS, texture: float = 0.0
) -> Tensor:
    """sum_i w_i (phi + t psi)(x_i, y) of whole faces averaged over 3x3 pixels: coarse structure and roughness.

    At full size VGG16 responds to edges and hardly to the roughness of skin; at a third of the size it responds to
    both, for a ninth of the cost.
    """
    return _feature_loss([F.avg_pool2d(x, COARSE) for x in outputs], F.avg_pool2d(y, COARSE), weights, metric, texture)


def _feature_loss(
    outputs: list[Tensor], y: Tensor, weights: tuple[float, ...], metric: LPIPS, texture: float
) -> Tensor:
    with torch.no_grad():
        wanted = metric.features(y)

    def distance(x: Tensor) -> Tensor:
        found = metric.features(x)
        same = metric.compare(found, wanted).mean()
        return same + texture * texture_distance(found, wanted) if texture else same

    return _weighted(outputs, weights, distance)


def texture_distance(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """How far the Gram matrices of two faces' features are apart, relative to the wanted ones, summed over the layers.

    Which features occur together and how often, wherever they are (Gatys et al., 2016): hair is hair though no strand
    lies where it was, so texture is worth drawing where its place cannot be known. The first layer, which knows
    brightness only, and the last, which has hardly any positions left, are left out.
    """
    parts = [(gram(a), gram(b)) for a, b in zip(found[1:-1], wanted[1:-1], strict=True)]
    return torch.stack([(a - b).abs().mean() / b.abs().mean() for a, b in parts]).sum()


def _weighted(outputs: list[Tensor], weights: tuple[float, ...], error: Callable[[Tensor], Tensor]) -> Tensor:
    """sum_i w_i error(x_i); a cycle of weight zero costs nothing."""
    terms = [w * error(x) for w, x in zip(weights, outputs, strict=True) if w]
    return torch.stack(terms).sum() if terms else outputs[-1].new_zeros(())


def fixed_point_loss(generator: nn.Module, x: Tensor) -> Tensor:
    """L_fp = |G(x_k) - x_k|_1, the gradient running through both: x_k moves to where G stands still, and G learns to.

    Its weight has to rise slowly: from the start, the cheapest solution is to turn G into the identity. A frozen outer
    G, as in Idempotent Generative Networks, rules that out, but was not kept (docs/decisions/training-choices.md).
    """
    change: Tensor = generator(x) - x
    return change.abs().mean()


def cycle_loss(generator: nn.Module, x: Tensor, degrade: Degrade) -> Tensor:
    """L_cyc = |G(D(x_k)) - x_k|_1: what was restored, degraded anew, is restored to the same face.

    D has no gradient, and x_k is the target, so it is held still.
    """
    target = x.detach()
    change: Tensor = generator(degrade(target)) - target
    return change.abs().mean()


def anchor_loss(generator: nn.Module, y: Tensor) -> Tensor:
    """|G(y) - y|_1: a clean face is a fixed point. The paper lacks it; without it clean faces drift."""
    change: Tensor = generator(y) - y
    return change.abs().mean()


def hinge_generator_loss(scores: Tensor) -> Tensor:
    """-E[D(x_k)]."""
    return -scores.float().mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(y))] + E[max(0, 1 + D(x_k))]."""
    return (1.0 - real.float()).relu().mean() + (1.0 + fake.float()).relu().mean()


def gram(features: Tensor) -> Tensor:
    """Gram matrices (N, C, C) of (N, C, H, W), divided by C H W as in GFPGAN (whose weight is 200)."""
    channels = features.float().flatten(2)
    return channels @ channels.mT / (channels.shape[1] * channels.shape[2])


def style_loss(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """L1 between the Gram matrices of a component discriminator's features."""
    return torch.stack([(gram(a) - gram(b).detach()).abs().mean() for a, b in zip(fake, real, strict=True)]).sum()


def identity_loss(embedder: MobileFaceNet, x: Tensor, y: Tensor, landmarks: Tensor) -> Tensor:
    """1 - cosine similarity of the embeddings of x_k and y, averaged."""
    with torch.no_grad():
        wanted = embedder.embed(y, landmarks)
    return 1.0 - (embedder.embed(x, landmarks) * wanted).sum(1).mean()


class Critics(nn.Module):
    """Every discriminator of a run: the global PatchGAN and one for each facial component, eyes, nose and mouth."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = PatchDiscriminator()
        self.components = nn.ModuleDict({name: ComponentDiscriminator() for name in COMPONENT_SIZES})

    def generator_terms(self, x: Tensor, y: Tensor, landmarks: Tensor, weights: LossWeights) -> dict[str, Tensor]:
        """Return the weighted adversarial terms of x_k; L_comp sums over the components."""
        terms = {}
        if weights.adversarial:
            terms["adversarial"] = weights.adversarial * hinge_generator_loss(self.patch(x))
        if weights.component or weights.style:
            fake, real = component_crops(x, landmarks), component_crops(y, landmarks)
            local, style = [], []
            for name in weights.components:
                critic = self.components[name]
                scores, features = critic(fake[name])
                local.append(hinge_generator_loss(scores))
                with torch.no_grad():
                    wanted = critic(real[name])[1]
                style.append(style_loss(features, wanted))
            terms["component"] = weights.component * torch.stack(local).sum()
            terms["style"] = weights.style * torch.stack(style).sum()
        return terms

    def discriminator_loss(self, x: Tensor, y: Tensor, landmarks: Tensor, weights: LossWeights) -> Tensor:
        """The hinge loss of every discriminator in use; x is detached."""
        x = x.detach()
        terms = []
        if weights.adversarial:
            terms.append(hinge_discriminator_loss(self.patch(y), self.patch(x)))
        if weights.component or weights.style:
            fake, real = component_crops(x, landmarks), component_crops(y, landmarks)
            for name in weights.components:
                critic = self.components[name]
                terms.append(hinge_discriminator_loss(critic(real[name])[0], critic(fake[name])[0]))
        return torch.stack(terms).sum()
