"""Every term of CCFP twice: its value against one worked out by hand, and that descending it does what it is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data import seeded_pairs, to_tensor
from training.losses import ccfp
from training.losses.ccfp import LossWeights
from training.losses.perceptual import LPIPS
from training.metrics.pictures import psnr
from training.networks import build_generator
from training.networks.discriminators import COMPONENT_SIZES
from training.networks.identity import MobileFaceNet

from .conftest import made_up_faces


class Scale(nn.Module):
    """G(x) = a x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x


class Squares:
    """A stand-in for LPIPS whose distance is the mean square."""

    def features(self, image: Tensor) -> list[Tensor]:
        return [image]

    def compare(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        return (found[0] - wanted[0]).square().mean((1, 2, 3))


class Corner:
    """A stand-in for the face embedding: the first two channels of the first pixel, as a unit vector."""

    def embed(self, images: Tensor, landmarks: Tensor) -> Tensor:
        return nn.functional.normalize(images[:, :2, 0, 0])


def filled(value: float, size: int = 8) -> Tensor:
    return torch.full((2, 3, size, size), value)


def close(value: float) -> object:
    return pytest.approx(value, abs=1e-5)


def test_unrolling_applies_the_generator_to_its_own_output() -> None:
    assert [x.mean().item() for x in ccfp.unroll(Scale(0.5), filled(1.0), 3)] == [0.5, 0.25, 0.125]


def test_progressive_by_hand() -> None:
    outputs = [filled(0.0), filled(0.5), filled(1.0)]
    assert float(ccfp.progressive_loss(outputs, filled(1.0), (0.3, 1.0, 0.7))) == close(0.3 * 1.0 + 1.0 * 0.5)


def test_fidelity_by_hand() -> None:
    outputs, y = [filled(0.0), filled(0.5)], filled(1.0)
    y[1] = 0.5  # the second face is restored already after the second cycle
    expected = 0.2 * (math.log(1.001) + math.log(0.251)) / 2 + 0.6 * (math.log(0.251) + math.log(0.001)) / 2
    assert float(ccfp.fidelity_loss(outputs, y, (0.2, 0.6))) == close(expected)


def test_perceptual_by_hand() -> None:
    outputs, y = [filled(0.0), filled(0.5)], filled(1.0)
    loss = ccfp.perceptual_loss(outputs, y, (0.2, 0.6), Squares(), 4, 2)  # type: ignore[arg-type]
    assert loss.item() == close(0.2 * 1.0 + 0.6 * 0.25)


def test_perceptual_looks_at_a_window_of_the_first_faces_only() -> None:
    x = filled(1.0)
    x[1] = 5.0  # the second face is wrong and not looked at
    assert float(ccfp.perceptual_loss([x], filled(1.0), (1.0,), Squares(), 4, 1)) == 0.0  # type: ignore[arg-type]


def test_texture_by_hand_does_not_ask_where() -> None:
    ignored = torch.rand(2, 3, 8, 8)
    doubled = ccfp.texture_distance([ignored, filled(2.0), ignored], [ignored * 2, filled(1.0), ignored * 3])
    assert doubled.item() == close(3.0)  # Gram matrices of 4/3 where 1/3 is wanted

    strands = torch.rand(2, 3, 8, 8)
    moved = torch.roll(strands, (2, 3), (2, 3))
    assert float(ccfp.texture_distance([ignored, moved, ignored], [ignored, strands, ignored])) == close(0.0)


def test_coarse_perceptual_by_hand_sees_averages_only() -> None:
    y = filled(1.0)
    grain = y + 0.5 * (torch.arange(8) % ccfp.COARSE - 1.0)  # stripes that nobody sees from afar
    outputs = [grain, filled(0.5)]
    loss = ccfp.coarse_perceptual_loss(outputs, y, (0.2, 0.6), Squares())  # type: ignore[arg-type]
    assert loss.item() == close(0.2 * 0.0 + 0.6 * 0.25)


def test_fixed_point_by_hand_moves_both_the_face_and_the_generator() -> None:
    generator, x = Scale(0.5), filled(1.0).requires_grad_()
    loss = ccfp.fixed_point_loss(generator, x)
    assert loss.item() == close(0.5)
    loss.backward()
    assert x.grad is not None
    assert float(x.grad.sum()) == close(0.5)  # d |0.5 x - x| / dx, spread over all values
    assert generator.a.grad is not None
    assert float(generator.a.grad) == close(-1.0)  # a larger factor is nearer to the identity


def test_cycle_by_hand_and_its_target_is_held_still() -> None:
    generator, x = Scale(0.5), filled(1.0).requires_grad_()
    loss = ccfp.cycle_loss(generator, x, lambda face: face - 0.2)
    assert loss.item() == close(abs(0.5 * 0.8 - 1.0))
    loss.backward()
    assert x.grad is None
    assert float(generator.a.grad) == close(-0.8)  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [ccfp.progressive_loss, ccfp.fidelity_loss])
def test_a_term_of_weight_zero_is_nothing(loss: Callable[..., Tensor]) -> None:
    assert loss([filled(0.5), filled(0.25)], filled(1.0), (0.0, 0.0)).item() == 0.0


def test_anchor_by_hand() -> None:
    assert ccfp.anchor_loss(Scale(0.25), filled(1.0)).item() == close(0.75)


def test_hinges_by_hand() -> None:
    assert float(ccfp.hinge_generator_loss(torch.tensor([1.0, 3.0]))) == close(-2.0)
    loss = ccfp.hinge_discriminator_loss(torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0]))
    assert loss.item() == close((0 + 1) / 2 + (0 + 1) / 2)


def test_gram_and_style_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # one face, two channels, 1x2
    expected = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4
    torch.testing.assert_close(ccfp.gram(features), expected)
    # Half the features have a quarter of the Gram matrix, so the distance is three quarters of its mean.
    assert float(ccfp.style_loss([features / 2], [features])) == close(0.75 * float(expected.mean()))


def test_identity_by_hand() -> None:
    x, y = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    x[:, 0], y[0, 0], y[1, 1] = 1.0, 1.0, 1.0  # the first face agrees, the second is at a right angle
    loss = ccfp.identity_loss(Corner(), x, y, torch.zeros(2, 5, 2))  # type: ignore[arg-type]
    assert loss.item() == close(1.0 - (1.0 + 0.0) / 2)


def test_a_weight_of_zero_switches_a_term_off() -> None:
    critics, x = ccfp.Critics(), torch.rand(1, 3, 256, 256)
    landmarks = torch.full((1, 5, 2), 128.0)
    assert critics.generator_terms(x, x, landmarks, LossWeights()) == {}
    assert not LossWeights().adversaries
    assert set(critics.generator_terms(x, x, landmarks, LossWeights(style=1.0))) == {"component", "style"}
    assert set(critics.generator_terms(x, x, landmarks, LossWeights(adversarial=1.0))) == {"adversarial"}


# Descending a term.

Step = Callable[[], Tensor]


@pytest.fixture
def generator() -> nn.Module:
    torch.manual_seed(1)
    return build_generator("cfrnet-rt")


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    """Two degraded made-up faces and their truth, 64x64."""
    clean = made_up_faces(2, 64)
    return seeded_pairs(clean)


def descend(parameters: Iterator[nn.Parameter], loss: Step, *, steps: int = 8, lr: float = 5e-4) -> tuple[float, float]:
    """(first, last) value of `loss` over some steps of Adam."""
    optimizer = torch.optim.Adam(parameters, lr)
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    return values[0], float(loss().detach())


def test_progressive_brings_every_cycle_closer(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair

    def errors() -> list[float]:
        with torch.no_grad():
            return [float((o - y).abs().mean()) for o in ccfp.unroll(generator, x, 3)]

    before = errors()
    descend(generator.parameters(), lambda: ccfp.progressive_loss(ccfp.unroll(generator, x, 3), y, (0.3, 1.0, 0.7)))
    assert all(after < earlier for after, earlier in zip(errors(), before, strict=True))


def test_fidelity_raises_psnr(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair

    def decibels() -> Tensor:
        with torch.no_grad():
            return psnr(ccfp.unroll(generator, x, 2)[1], y)

    before = decibels()
    descend(generator.parameters(), lambda: ccfp.fidelity_loss(ccfp.unroll(generator, x, 2), y, (0.0, 1.0)))
    assert (decibels() > before).all()


def test_perceptual_lowers_lpips(generator: nn.Module, pair: tuple[Tensor, Tensor], weights: Path) -> None:
    x, y = pair
    metric = LPIPS("vgg16", weights, taps=3)
    with torch.no_grad():
        before = metric(ccfp.unroll(generator, x, 2)[-1], y).mean()
    descend(
        generator.parameters(),
        lambda: ccfp.perceptual_loss(ccfp.unroll(generator, x, 2), y, (0.0, 1.0), metric, 64, 2),
    )
    with torch.no_grad():
        assert metric(ccfp.unroll(generator, x, 2)[-1], y).mean() < 0.95 * before


def test_coarse_perceptual_lowers_lpips_of_the_reduced_face(
    generator: nn.Module, pair: tuple[Tensor, Tensor], weights: Path
) -> None:
    x, y = pair
    metric = LPIPS("vgg16", weights)

    def distance() -> Tensor:
        with torch.no_grad():
            small = [nn.functional.avg_pool2d(face, ccfp.COARSE) for face in (ccfp.unroll(generator, x, 2)[-1], y)]
            return metric(*small).mean()

    before = distance()
    descend(
        generator.parameters(),
        lambda: ccfp.coarse_perceptual_loss(ccfp.unroll(generator, x, 2), y, (0.0, 1.0), metric),
    )
    assert distance() < 0.95 * before


def test_texture_brings_gram_matrices_nearer(generator: nn.Module, pair: tuple[Tensor, Tensor], weights: Path) -> None:
    x, y = pair
    metric = LPIPS("vgg16", weights)
    with torch.no_grad():
        wanted = metric.features(y)

    first, last = descend(
        generator.parameters(),
        lambda: ccfp.texture_distance(metric.features(ccfp.unroll(generator, x, 2)[-1]), wanted),
        steps=20,
        lr=1e-4,
    )
    assert last < 0.9 * first


def test_fixed_point_stills_the_next_cycle(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    x, _ = pair
    first, last = descend(
        generator.parameters(),
        lambda: ccfp.fixed_point_loss(generator, ccfp.unroll(generator, x, 2)[-1]),
        steps=20,
        lr=1e-3,
    )
    assert last < 0.9 * first


def test_cycle_restores_what_was_degraded_anew(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    _, y = pair
    blur = nn.AvgPool2d(5, 1, 2)
    first, last = descend(generator.parameters(), lambda: ccfp.cycle_loss(generator, y, blur))
    assert last < 0.97 * first


def test_the_anchor_holds_a_clean_face(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    _, y = pair
    with torch.no_grad():
        generator.head.weight.mul_(30.0)  # type: ignore[operator, union-attr]  # untrained it hardly moves a face
    first, last = descend(generator.parameters(), lambda: ccfp.anchor_loss(generator, y))
    assert last < 0.8 * first


LANDMARKS = torch.tensor([[[24.0, 26.0], [40.0, 26.0], [32.0, 36.0], [26.0, 44.0], [38.0, 44.0]]]).repeat(2, 1, 1)


def test_critics_learn_to_tell_and_the_generator_answers(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair
    on = LossWeights(adversarial=1.0, component=1.0, style=50.0)
    critics = ccfp.Critics()
    with torch.no_grad():
        fake = ccfp.unroll(generator, x, 1)[-1]
    first, last = descend(
        critics.parameters(), lambda: critics.discriminator_loss(fake, y, LANDMARKS, on), steps=15, lr=2e-3
    )
    assert last < 0.9 * first
    with torch.no_grad():
        assert critics.patch(y).mean() > critics.patch(fake).mean()

    critics.requires_grad_(False).eval()

    def answers() -> dict[str, Tensor]:
        return critics.generator_terms(ccfp.unroll(generator, x, 1)[-1], y, LANDMARKS, on)

    before = {name: term.item() for name, term in answers().items()}
    descend(generator.parameters(), lambda: torch.stack(list(answers().values())).sum())
    after = {name: term.item() for name, term in answers().items()}
    assert set(after) == {"adversarial", "component", "style"}
    assert after["adversarial"] < before["adversarial"]
    assert after["component"] < before["component"]
    assert sum(after.values()) < sum(before.values())


def test_style_alone_brings_the_gram_matrices_closer(generator: nn.Module, pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair
    critics = ccfp.Critics().requires_grad_(False).eval()
    on = LossWeights(style=50.0)
    first, last = descend(
        generator.parameters(),
        lambda: critics.generator_terms(ccfp.unroll(generator, x, 1)[-1], y, LANDMARKS, on)["style"],
    )
    assert last < 0.97 * first


def test_identity_brings_the_embedding_closer(
    generator: nn.Module, weights: Path, real_faces: tuple[NDArray[np.uint8], NDArray[np.float32]]
) -> None:
    clean = real_faces[0][:1]
    x, y = to_tensor(np.stack([cv2.GaussianBlur(image, (0, 0), 4) for image in clean])), to_tensor(clean)
    landmarks = torch.from_numpy(real_faces[1][:1])
    embedder = MobileFaceNet(weights)
    first, last = descend(
        generator.parameters(),
        lambda: ccfp.identity_loss(embedder, generator(x), y, landmarks),
        steps=6,
        lr=3e-5,
    )
    assert last < 0.9 * first


def test_the_nose_is_a_component() -> None:
    assert set(COMPONENT_SIZES) == {"left_eye", "right_eye", "nose", "mouth"}
    assert COMPONENT_SIZES["mouth"] == (50, 80)
    assert COMPONENT_SIZES["nose"] == (40, 40)
