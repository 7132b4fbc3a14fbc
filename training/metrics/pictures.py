"""Metrics of restored faces, each defined exactly.

Batches are float (N, 3, H, W), RGB, [-1, 1]; results are float (N,) unless said otherwise. LPIPS is in
`training.losses.perceptual`, NIQE in `training.metrics.niqe`, the 68 landmarks in `training.metrics.landmarks`.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn import functional as F

from training.networks.identity import MobileFaceNet

GRID = 4  # pixels: the period of a pixel-shuffle x4
STILL_CHANGE = 2.0  # of 255: the largest change of a still pixel of a video, noise averaged out

# Luma of ITU-R BT.601 for RGB.
_LUMA = (0.299, 0.587, 0.114)


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB over all three RGB channels, both images rounded to 8 bits first."""
    error = (_eight_bit(x) - _eight_bit(y)).square().mean((1, 2, 3))
    return 10.0 * torch.log10(255.0**2 / error.clamp_min(1e-10))


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity on RGB rounded to 8 bits: 7x7 uniform window, data range 255, the mean of the channels.

    scikit-image's: sample covariance, K1 = 0.01, K2 = 0.03, a border of three pixels left out.
    """
    pairs = zip(_eight_bit(x).numpy(), _eight_bit(y).numpy(), strict=True)
    values = [structural_similarity(a, b, win_size=7, data_range=255.0, channel_axis=0) for a, b in pairs]
    return torch.tensor(values, dtype=torch.float32)


def step_size(after: Tensor, before: Tensor) -> Tensor:
    """Root mean square of G^(k+1) - G^k on the [-1, 1] scale: |.|_2 per face, divided by the root of its size."""
    return (after - before).square().mean((1, 2, 3)).sqrt()


def colour_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean of x - y in each channel, signed, on the 0..255 scale: float (N, 3) for red, green, blue."""
    return (_eight_bit(x) - _eight_bit(y)).mean((2, 3))


def eye_colour_error(
    images: NDArray[np.uint8], truths: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Mean colour difference CIEDE2000 of the irises, float64 (N,); images uint8 (N, H, W, 3) BGR.

    A box of 20x12 pixels on either eye's landmark, float32 (N, 5, 2); images and truths are averaged over 3x3 pixels
    first, so that colour counts and not the exact position of a reflection.
    """
    errors = []
    for image, truth, points in zip(images, truths, landmarks, strict=True):
        boxes = []
        for x, y in np.rint(points[:2]).astype(int):
            left, top = np.clip((x - 10, y - 6), 0, (image.shape[1] - 20, image.shape[0] - 12))
            window = np.s_[top : top + 12, left : left + 20]
            pair = (cv2.blur(picture, (3, 3))[window][..., ::-1] for picture in (image, truth))
            boxes.append(deltaE_ciede2000(*map(rgb2lab, pair)).mean())
        errors.append(np.mean(boxes))
    return np.array(errors)


def checkerboard(x: Tensor) -> Tensor:
    """Measure how much a grid of four pixels stands out, in percent; about 0 for a picture without one.

    The mean absolute difference of neighbouring luma pixels is taken apart by where the pair lies within the period
    (coordinate modulo 4). A grid makes one of the four phases larger. The result is by how much the largest exceeds
    the mean of all four, averaged over the two directions. The sign of the pattern does not matter, so a grid that
    follows the shading is found too. JPEG's blocks of eight show up as well: compare with the ground truth's value.
    """
    red, green, blue = _eight_bit(x).unbind(1)
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    excess = []
    for picture in (luma, luma.mT):
        change = (picture[..., 1:] - picture[..., :-1]).abs().mean(1)
        phases = torch.stack([change[:, phase::GRID].mean(1) for phase in range(GRID)], dim=1)
        mean = phases.mean(1)
        excess.append((phases.amax(1) - mean) / mean.clamp_min(1e-6))
    return 100.0 * torch.stack(excess).mean(0)


def identity_distance(embedder: MobileFaceNet, x: Tensor, y: Tensor, landmarks: Tensor) -> Tensor:
    """FED: Euclidean distance of the unit embeddings of x and y, in [0, 2].

    Both are aligned by `landmarks` (N, 5, 2), the truth's, in pixels: what is compared is the face, not the detector.
    """
    distance: Tensor = (embedder.embed(x, landmarks) - embedder.embed(y, landmarks)).norm(dim=1)
    return distance


def landmark_error(found: Tensor, wanted: Tensor) -> Tensor:
    """LLE: mean distance of 68 landmarks (N, 68, 2), in percent of the truth's distance between outer eye corners."""
    between = (wanted[:, 36] - wanted[:, 45]).norm(dim=1)
    error: Tensor = (found - wanted).norm(dim=2).mean(1) / between
    return 100.0 * error


def flicker(restored: Tensor, given: Tensor) -> tuple[float, float]:
    """Measure how much the still parts of a video change from frame to frame: (restored, given), of 255.

    Both are consecutive crops (T, 3, H, W) cut at one and the same place. A pixel is still between two frames when the
    mean of `given` over the 5x5 window around it changes by at most 2 of 255 in every channel; what is left there is
    noise and compression. The result is the mean absolute change of the still pixels, (nan, nan) if there are none.
    """
    given, restored = _eight_bit(given), _eight_bit(restored)
    change = given[1:] - given[:-1]
    around = F.avg_pool2d(change, 5, 1, 2, count_include_pad=False)
    still = (around.abs() <= STILL_CHANGE).all(1, keepdim=True).expand_as(change)
    if not still.any():
        return float("nan"), float("nan")
    return float((restored[1:] - restored[:-1])[still].abs().mean()), float(change[still].abs().mean())


def _eight_bit(x: Tensor) -> Tensor:
    return ((x + 1.0) * 127.5).round().clamp(0.0, 255.0)
