"""PFSRNet: its size, its progression, its landmark network on faces, and its losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from training.data import to_tensor
from training.losses import progressive
from training.networks import build_generator
from training.networks.cfrnet import count_parameters
from training.networks.pfsrnet import (
    EqualizedConv,
    EqualizedUpConv,
    FaceSuperResolution,
    LandmarkHeatmaps,
    PFSRNet,
    ProgressiveCritic,
    celeba_square,
    deviation,
    shrink,
)

from .conftest import made_up_faces


def test_it_has_the_published_parameters_and_less_work_than_is_printed() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counted:
        network = PFSRNet()
        network(torch.zeros(1, 3, 16, 16))
    unused = sum(count_parameters(layer) for layer in network.to_rgb[:-1])
    assert count_parameters(network) - unused == 8_967_939  # printed: 8.968 M
    # Printed: 22.4 GFLOP. With every weight counted once for each place it is used at, it is less than half.
    assert counted.get_total_flops() == pytest.approx(10.48e9, rel=0.001)


def test_a_new_step_fades_in_over_the_picture_of_the_one_before() -> None:
    network, x = PFSRNet().eval(), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        for step in (2, 3):
            before = nn.functional.interpolate(network(x, step - 1), scale_factor=2.0, mode="nearest")
            torch.testing.assert_close(network(x, step, 0.0), before)
            half = torch.lerp(before, network(x, step, 1.0), 0.5)
            torch.testing.assert_close(network(x, step, 0.5), half)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_critic_mirrors_the_steps(step: int) -> None:
    critic = ProgressiveCritic()
    face = torch.rand(2, 3, 16 * 2**step, 16 * 2**step)
    assert critic(face, step, 0.5).shape == (2,)
    if step > 1:  # not yet faded in, it judges as it did one step before
        torch.testing.assert_close(critic(face, step, 0.0), critic(nn.functional.avg_pool2d(face, 2), step - 1, 1.0))


def test_the_critic_notices_that_faces_are_all_the_same() -> None:
    features = torch.rand(4, 2, 3, 3)
    assert float(deviation(features[:1].expand(4, -1, -1, -1))[0, 0, 0, 0]) < 1e-3
    wanted = features.std(0, unbiased=False).mean()
    torch.testing.assert_close(deviation(features), wanted.expand(4, 1, 3, 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [EqualizedConv(64, 32, 3), EqualizedUpConv(64, 32)])
def test_an_equalised_layer_keeps_the_variance_with_kernels_of_variance_one(layer: nn.Module) -> None:
    assert float(layer.weight.detach().std()) == pytest.approx(1.0, rel=0.05)  # type: ignore[operator, arg-type]
    with torch.no_grad():
        out = layer(torch.randn(4, 64, 16, 16))[:, :, 2:-2, 2:-2]
    assert float(out.std()) == pytest.approx(2**0.5, rel=0.1)  # He's gain: a ReLU follows


def test_what_it_takes_is_sixteen_pixels_by_halves() -> None:
    face = to_tensor(made_up_faces(1, 256))
    steps = face
    for side in (128, 64, 32, 16):
        steps = nn.functional.interpolate(steps, size=(side, side), mode="bilinear", align_corners=False)
    torch.testing.assert_close(shrink(face), steps)


def test_the_restorer_takes_any_square_face_and_looks_at_sixteen_pixels() -> None:
    network = build_generator("pfsrnet").eval()
    assert isinstance(network, FaceSuperResolution)
    sharp = to_tensor(made_up_faces(1, 256))
    blocks = nn.functional.interpolate(shrink(sharp), scale_factor=16.0, mode="nearest")
    with torch.no_grad():
        restored = network(sharp)
        assert restored.shape == sharp.shape
        assert float(restored.abs().max()) <= 1.0
        torch.testing.assert_close(network(blocks), restored, atol=1e-4, rtol=0)
        assert network(sharp[:, :, :128, :128]).shape == (1, 3, 128, 128)


def test_a_celeba_picture_is_cut_in_the_middle() -> None:
    rows = np.broadcast_to(np.arange(218, dtype=np.uint8)[:, None, None], (218, 178, 3))
    square = celeba_square(np.ascontiguousarray(rows))
    assert square.shape == (128, 128, 3)
    assert (square[0, 0, 0], square[-1, 0, 0]) == (20, 197)


def test_heatmaps_point_at_the_eyes_the_nose_and_the_mouth_of_faces(
    weights: Path, real_faces: tuple[NDArray[np.uint8], NDArray[np.float32]]
) -> None:
    images, landmarks = real_faces
    network = LandmarkHeatmaps(weights)
    with torch.no_grad():
        heatmaps = network(to_tensor(images))
    assert heatmaps.shape == (6, 68, 64, 64)
    place = heatmaps.flatten(2).argmax(2).numpy()
    points = np.stack([place % 64, place // 64], axis=-1) * 4.0 + 1.5  # pixels of the 256x256 face
    parts = (slice(36, 42), slice(42, 48), slice(30, 31), slice(48, 49), slice(54, 55))
    found = np.stack([points[:, part].mean(1) for part in parts], axis=1)
    distances = np.linalg.norm(found - landmarks, axis=-1)
    assert np.median(distances) < 6.0
    attention = network.attention(to_tensor(images))
    eye = attention[0, 0, int(landmarks[0, 0, 1]), int(landmarks[0, 0, 0])]
    assert float(eye) > 3 * float(attention[0, 0, :32].mean())
    assert not network.train().training


def test_the_losses_by_hand() -> None:
    y, x = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)
    attention = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert float(progressive.attention_loss(x, y, attention)) == pytest.approx(0.125)
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.5])
    assert float(progressive.wasserstein_critic_loss(real, fake)) == pytest.approx(-1.5)
    slope = torch.full((3, 2, 2), 3.0 / 12**0.5)  # a critic whose gradient has the length 3
    penalty = progressive.gradient_penalty(lambda z: (z * slope).flatten(1).sum(1), y, x)
    assert float(penalty) == pytest.approx(4.0)
