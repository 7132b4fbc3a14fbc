"""NIQE (Mittal, Soundararajan and Bovik, 2013): naturalness of a picture without a reference.

The statistics of natural pictures come with BasicSR (`niqe_pris_params.npz`, Apache-2.0); the computation follows the
authors' published description.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

BLOCK = 96

Plane = NDArray[np.float64]

# Shapes that are tried for the generalised Gaussian, and the moment ratio of each.
_SHAPES = np.arange(0.2, 10.001, 0.001)
_RATIOS = gamma(2.0 / _SHAPES) ** 2 / (gamma(1.0 / _SHAPES) * gamma(3.0 / _SHAPES))
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


class NIQE:
    """Distance between the statistics of a picture and those of natural pictures; lower is better, 3 to 6 is good.

    Computed on the luma of BT.601 in studio range (16 to 235, rounded, as MATLAB's `rgb2ycbcr` gives it) over blocks of
    96x96 at full and half size. The blocks are centred, because a face is: 256x256 holds four of them. Four are few:
    means over many faces are comparable with each other, not with figures of larger pictures.
    """

    def __init__(self, weights: Path) -> None:
        path = weights / "niqe_pris_params.npz"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; NIQE needs the published statistics of natural pictures")
        archive = np.load(path)
        self._mean: Plane = archive["mu_pris_param"].ravel()
        self._covariance: Plane = archive["cov_pris_param"]
        self._window: Plane = archive["gaussian_window"]

    def __call__(self, image: NDArray[np.uint8]) -> float:
        """`image`: uint8 (H, W, 3) BGR, at least 192 pixels each way. Raises ValueError for a smaller one."""
        rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
        if min(rows, columns) < 2:
            raise ValueError(
                f"NIQE needs at least {2 * BLOCK}x{2 * BLOCK} pixels, not {image.shape[1]}x{image.shape[0]}"
            )
        top, left = (image.shape[0] - rows * BLOCK) // 2, (image.shape[1] - columns * BLOCK) // 2
        luma = _studio_luma(image)[top : top + rows * BLOCK, left : left + columns * BLOCK]
        scales = []
        for side in (BLOCK, BLOCK // 2):
            normalised = self._normalise(luma)
            blocks = normalised.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
            scales.append([_features(block) for block in blocks])
            luma = _half(luma)
        features = np.concatenate(scales, axis=1)
        difference = self._mean - features.mean(0)
        covariance = 0.5 * (self._covariance + np.cov(features, rowvar=False))
        return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))

    def _normalise(self, luma: Plane) -> Plane:
        """Mean subtracted, contrast normalised luma: (I - mu) / (sigma + 1) in a 7x7 Gaussian window."""
        mean = cv2.filter2D(luma, -1, self._window, borderType=cv2.BORDER_REPLICATE)
        square = cv2.filter2D(luma * luma, -1, self._window, borderType=cv2.BORDER_REPLICATE)
        return (luma - mean) / (np.sqrt(np.abs(square - mean * mean)) + 1.0)


def _studio_luma(image: NDArray[np.uint8]) -> Plane:
    luma: Plane = np.round(image.astype(np.float64) @ np.array([24.966, 128.553, 65.481]) / 255.0 + 16.0)
    return luma


def _features(block: Plane) -> list[float]:
    """18 numbers: the generalised Gaussian of a block's values and of four products of neighbours."""
    shape, left, right = _fit(block)
    found = [shape, 0.5 * (left + right)]
    for down, across in _NEIGHBOURS:
        shape, left, right = _fit(block * np.roll(block, (down, across), axis=(0, 1)))
        mean = (right - left) * gamma(2.0 / shape) / gamma(1.0 / shape)
        found += [shape, mean, left, right]
    return found


def _fit(values: Plane) -> tuple[float, float, float]:
    """Shape, left and right scale of the asymmetric generalised Gaussian, by matching moments (Lasmar et al., 2009)."""
    flat = values.ravel()
    left = np.sqrt(np.mean(np.square(flat[flat < 0]))) if (flat < 0).any() else 1e-6
    right = np.sqrt(np.mean(np.square(flat[flat > 0]))) if (flat > 0).any() else 1e-6
    lean = left / right
    ratio = np.mean(np.abs(flat)) ** 2 / max(float(np.mean(flat**2)), 1e-12)
    wanted = ratio * (lean**3 + 1.0) * (lean + 1.0) / (lean**2 + 1.0) ** 2
    # The ratio grows with the shape, so the nearest entry is found by bisection.
    place = int(np.clip(np.searchsorted(_RATIOS, wanted), 1, len(_RATIOS) - 1))
    nearer_below = wanted - _RATIOS[place - 1] < _RATIOS[place] - wanted
    shape = float(_SHAPES[place - 1 if nearer_below else place])
    scale = np.sqrt(gamma(1.0 / shape) / gamma(3.0 / shape))
    return shape, float(left * scale), float(right * scale)


def _half(plane: Plane) -> Plane:
    """Half the size: bicubic (a = -0.5) stretched by two against aliasing, mirrored border, as MATLAB's imresize."""
    rows, columns = (_half_matrix(size) for size in plane.shape)
    return rows @ plane @ columns.T


def _half_matrix(size: int) -> Plane:
    matrix = np.zeros((size // 2, size))
    offsets = np.arange(-3, 5)  # the eight pixels within four of the centre, which lies at 2 i + 0.5
    distance = np.abs(offsets - 0.5) / 2.0
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    weights = np.where(distance <= 1.0, near, far)
    weights /= weights.sum()
    for i in range(size // 2):
        places = 2 * i + offsets
        places = np.where(places < 0, -1 - places, places)
        places = np.where(places >= size, 2 * size - 1 - places, places)
        np.add.at(matrix[i], places, weights)
    return matrix
