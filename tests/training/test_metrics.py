from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from training.metrics import pictures as metrics
from training.metrics.niqe import NIQE, _half

from .conftest import made_up_faces


def grey(level: float, size: int = 32) -> Tensor:
    """One face of one grey level of 0..255."""
    return torch.full((1, 3, size, size), level / 127.5 - 1.0)


def test_psnr_by_hand() -> None:
    assert float(metrics.psnr(grey(110), grey(100))) == pytest.approx(10 * math.log10(255**2 / 100), abs=1e-3)
    half = grey(100)
    half[:, 0] = grey(110)[:, 0]  # one channel of three
    assert float(metrics.psnr(half, grey(100))) == pytest.approx(10 * math.log10(255**2 * 3 / 100), abs=1e-3)


def test_psnr_sees_pictures_of_8_bits() -> None:
    assert float(metrics.psnr(grey(100.4), grey(99.6))) > 100.0
    assert metrics.psnr(torch.rand(3, 3, 8, 8), torch.rand(3, 3, 8, 8)).shape == (3,)


def test_ssim_by_hand() -> None:
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)  # flat pictures have a mean and nothing else
    assert float(metrics.ssim(grey(a), grey(b))) == pytest.approx(expected, abs=1e-5)
    noise = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(metrics.ssim(noise, noise), torch.ones(2))


def test_step_size_by_hand() -> None:
    before = torch.zeros(1, 3, 4, 4)
    after = before.clone()
    after[0, 0] = 0.3  # a third of the values
    assert float(metrics.step_size(after, before)) == pytest.approx(0.3 / math.sqrt(3), abs=1e-6)


def test_colour_error_is_signed_and_by_channel() -> None:
    x = grey(100)
    x[:, 0], x[:, 2] = grey(103)[:, 0], grey(98)[:, 0]
    torch.testing.assert_close(metrics.colour_error(x, grey(100)), torch.tensor([[3.0, 0.0, -2.0]]))


def test_checkerboard_finds_a_grid_whatever_its_sign() -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 9, 9) * 2 - 1, size=(128, 128), mode="bicubic")
    picture = (smooth + 0.02 * torch.randn(1, 3, 128, 128)).clamp(-1, 1)
    tile = torch.tensor([1.0, -1.0, -1.0, 1.0])
    grid = 0.05 * torch.outer(tile, tile).repeat(32, 32)
    sign = torch.ones(128, 128)
    sign[:, 64:] = -1.0
    plain = float(metrics.checkerboard(picture))
    assert plain < 10.0
    assert float(metrics.checkerboard(picture + grid)) > plain + 20.0
    assert float(metrics.checkerboard(picture + sign * grid)) > plain + 20.0
    assert float(metrics.checkerboard(grey(128))) == 0.0


def test_landmark_error_by_hand() -> None:
    wanted = torch.zeros(1, 68, 2)
    wanted[0, 45, 0] = 100.0  # outer corners of the eyes, 100 pixels apart
    assert float(metrics.landmark_error(wanted + torch.tensor([3.0, 4.0]), wanted)) == pytest.approx(5.0)


def test_flicker_by_hand() -> None:
    given = torch.cat([grey(100), grey(101), grey(100)])
    restored = torch.cat([grey(100), grey(103), grey(100)])
    assert metrics.flicker(restored, given) == pytest.approx((3.0, 1.0))
    assert metrics.flicker(given[:1].repeat(3, 1, 1, 1), given) == pytest.approx((0.0, 1.0))


def test_flicker_leaves_out_a_rim_that_moves() -> None:
    """A window at the rim is averaged over the pixels that it holds."""
    assert all(
        math.isnan(value) for value in metrics.flicker(torch.cat([grey(0), grey(3)]), torch.cat([grey(0), grey(3)]))
    )


def test_flicker_leaves_out_what_moves() -> None:
    given, restored = grey(100).repeat(2, 1, 1, 1), grey(100).repeat(2, 1, 1, 1)
    given[1, :, :, 16:] = 0.9  # the right half moves
    restored[1, :, :, 16:] = -0.9
    assert metrics.flicker(restored, given) == (0.0, 0.0)
    assert all(math.isnan(value) for value in metrics.flicker(restored, torch.cat([grey(0), grey(255)])))


def test_niqe_of_a_photograph_is_low_and_rises_with_noise_and_blur(weights: Path) -> None:
    niqe, rng = NIQE(weights), np.random.default_rng(0)
    for photograph in (skimage.data.astronaut(), skimage.data.coffee()):
        image = photograph[..., ::-1].copy()
        clean = niqe(image)
        noisy = np.clip(image + rng.normal(0, 15, image.shape), 0, 255).astype(np.uint8)
        assert 2.0 < clean < 5.0
        assert niqe(noisy) > clean + 2.0
        assert niqe(cv2.GaussianBlur(image, (0, 0), 3.0)) > clean + 2.0


def test_niqe_refuses_what_is_too_small(weights: Path) -> None:
    with pytest.raises(ValueError, match="192x192"):
        NIQE(weights)(np.zeros((128, 256, 3), np.uint8))


def test_halving_keeps_what_is_smooth() -> None:
    ramp = np.add.outer(np.arange(32.0), 2 * np.arange(32.0))
    half = _half(ramp)
    assert half.shape == (16, 16)
    wanted = np.add.outer(2 * np.arange(16.0) + 0.5, 2 * (2 * np.arange(16.0) + 0.5))
    np.testing.assert_allclose(half[3:-3, 3:-3], wanted[3:-3, 3:-3])
    fine = np.tile([0.0, 1.0], (32, 16))  # too fine for half the size: it has to become grey, not alias
    np.testing.assert_allclose(_half(fine)[4:-4, 4:-4], 0.5, atol=0.05)


def test_the_eyes_colour_error_sees_a_teal_iris_and_nothing_else() -> None:
    truth = made_up_faces(2)
    points = np.float32([[(90, 120), (160, 120), (128, 150), (100, 180), (150, 180)]] * 2)
    assert metrics.eye_colour_error(truth, truth, points) == pytest.approx([0.0, 0.0])
    teal, elsewhere = truth.copy(), truth.copy()
    teal[0, 114:126, 80:100] = (140, 120, 0)
    elsewhere[0, 200:, :] = 0
    assert metrics.eye_colour_error(teal, truth, points)[0] > 5.0
    assert metrics.eye_colour_error(teal, truth, points)[1] == pytest.approx(0.0)
    assert metrics.eye_colour_error(elsewhere, truth, points)[0] == pytest.approx(0.0)
