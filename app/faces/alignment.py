"""Alignment: the similarity transform between a face in the frame and a square crop of any side."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image, Points

TEMPLATE_SIDE = 256
"""Side of the square in whose pixels a template is stated; a crop of another side is the same square, resampled."""

FFHQ_TEMPLATE: Points = np.array(
    [(96.5, 120.0), (159.5, 120.1), (128.3, 157.0), (100.6, 185.7), (156.5, 185.6)], np.float32
)
"""float32 (5, 2): left eye, right eye, nose, left and right mouth corner in pixels of an FFHQ crop of 256x256."""

_TEMPLATE_CENTRE = complex(*FFHQ_TEMPLATE.mean(axis=0, dtype=np.float64))
_TEMPLATE_POINTS = FFHQ_TEMPLATE.tolist()
_TEMPLATE_SPREAD = [complex(x, y) - _TEMPLATE_CENTRE for x, y in _TEMPLATE_POINTS]

# Chosen for the least error on a sharp photograph; -0.08 and -0.10 are as good.
_SHARPEN = np.array((-0.09, 1.18, -0.09), np.float32)

Matrix = NDArray[np.float32]

Pixels = NDArray[Any]


def estimate_similarity(landmarks: Points) -> Matrix:
    """The least-squares similarity transform from `landmarks` (5, 2) to the FFHQ template, float32 (2, 3).

    Exact closed form of Umeyama (1991) for two dimensions: with points as complex numbers about their centroids the
    best rotation and scale is a = sum(conj(p) q) / sum(|p|^2). It cannot mirror. Raises ValueError when the
    landmarks coincide.
    """
    # Plain numbers: for ten of them, NumPy's overhead exceeds the arithmetic.
    points = [complex(x, y) for x, y in landmarks.tolist()]
    centre = sum(points) / len(points)
    products, spread = 0j, 0.0
    for point, target in zip(points, _TEMPLATE_SPREAD, strict=True):
        offset = point - centre
        products += offset.conjugate() * target
        spread += abs(offset) ** 2
    if not spread > 1e-6:  # also refuses values that are no numbers
        raise ValueError("The five landmarks coincide.")
    a = products / spread
    if not abs(a) > 1e-6:
        raise ValueError("The five landmarks are no face.")
    origin = _TEMPLATE_CENTRE - a * centre
    return np.array(((a.real, -a.imag, origin.real), (a.imag, a.real, origin.imag)), np.float32)


def transform(points: Points, matrix: Matrix) -> Points:
    """Apply a matrix (2, 3) to points (N, 2); returns float32 (N, 2)."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32, copy=False)


def invert(matrix: Matrix) -> Matrix:
    """Return the inverse of a matrix (2, 3), float32 (2, 3)."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float32)


def crop_matrix(landmarks: Points, *, side: int, pixel_shape: float = 1.0) -> Matrix:
    """Return the matrix frame -> crop of `side` x `side` pixels, float32 (2, 3). Raises ValueError.

    The frame's pixels are `pixel_shape` times as wide as they are high, the crop's square.
    """
    if pixel_shape == 1.0:
        matrix = estimate_similarity(landmarks)
    else:
        square = (landmarks + 0.5) * np.array((pixel_shape, 1.0), np.float32) - 0.5
        matrix = enlarged_matrix(estimate_similarity(square), 1 / pixel_shape, 1.0)
    if side == TEMPLATE_SIDE:
        return matrix
    # A pixel's centre lies half a pixel in on both grids: x' = (x + 0.5) * scale - 0.5.
    scale = np.float32(side / TEMPLATE_SIDE)
    matrix *= scale
    matrix[:, 2] += (scale - 1) / 2
    return matrix


def scale_of(matrix: Matrix) -> float:
    """Crop pixels for each frame pixel: above 1 the face is smaller than the crop."""
    return math.hypot(matrix[0, 0], matrix[1, 0])


def misfit(landmarks: Points, matrix: Matrix) -> float:
    """Root mean square distance in crop pixels between the aligned landmarks and the template."""
    (a, b, c), (d, e, f) = matrix.tolist()
    squares = [
        (a * x + b * y + c - u) ** 2 + (d * x + e * y + f - v) ** 2
        for (x, y), (u, v) in zip(landmarks.tolist(), _TEMPLATE_POINTS, strict=True)
    ]
    return math.sqrt(sum(squares) / len(squares))


def region_of(
    matrix: Matrix, width: int, height: int, *, box: tuple[float, float, float, float], margin: int = 0
) -> tuple[int, int, int, int] | None:
    """Smallest upright rectangle x1, y1, x2, y2 (x2, y2 excluded) of the frame that holds `box` of the crop.

    `box` is x1, y1, x2, y2 in crop pixels. The rectangle is grown by `margin` pixels and clipped to the frame; None
    when nothing of it is inside.
    """
    left, top, right, bottom = box
    (a, b, c), (d, e, f) = matrix.tolist()  # plain numbers, as in `estimate_similarity`
    determinant = a * e - b * d
    corners = [(x - c, y - f) for x in (left, right) for y in (top, bottom)]
    xs = [(e * x - b * y) / determinant for x, y in corners]
    ys = [(a * y - d * x) / determinant for x, y in corners]
    x1, y1 = max(math.floor(min(xs)) - margin, 0), max(math.floor(min(ys)) - margin, 0)
    x2, y2 = min(math.ceil(max(xs)) + margin + 1, width), min(math.ceil(max(ys)) + margin + 1, height)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def shift_origin(matrix: Matrix, x: float, y: float) -> Matrix:
    """The frame -> crop matrix for a picture whose origin is the frame's pixel (x, y)."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ np.array((x, y), np.float32)
    return shifted


def antialias(image: Pixels, reduction: float) -> Pixels:
    """Return `image` (H, W, C) low-pass filtered for being made `reduction` times smaller by interpolation.

    A blur of 0.5 sqrt(reduction^2 - 1) pixels stands for the smaller picture's wider pixels; under 0.3 it is left out.
    """
    sigma = 0.5 * max(reduction**2 - 1, 0.0) ** 0.5
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.3 else image


def enlarged_matrix(matrix: Matrix, across: float, down: float | None = None) -> Matrix:
    """The frame -> crop matrix for a frame that was made `across` times as wide and `down` times as high.

    Without `down` as high as wide. A pixel's centre lies half a pixel in.
    """
    down = across if down is None else down
    larger = shift_origin(matrix, 0.5 / across - 0.5, 0.5 / down - 0.5)
    larger[:, :2] /= np.array((across, down), np.float32)
    return larger


def warp_crop(image: Image, matrix: Matrix, *, side: int = TEMPLATE_SIDE) -> Image:
    """The aligned crop, uint8 (side, side, 3) BGR, of `image`, uint8 (H, W, 3) BGR.

    `matrix` (2, 3) maps the image to the crop, as `crop_matrix` returns it for this side.

    Where the crop is coarser than the image it is averaged over whole pixels, then by `antialias` for the remaining
    factor of one to two, so nothing aliases. What linear interpolation blurs on average is sharpened beforehand
    (docs/decisions/crop-sampling.md). Beyond the border the image is mirrored: the networks were trained on
    photographs, which have no black wedges or streaked edges. Raises ValueError when no part of the crop lies in the
    image.
    """
    source, local = _reduce(image, matrix, side)
    source = antialias(source, 1 / scale_of(local))
    sharp: Pixels = source
    if not _whole_pixels(local):
        sharp = cv2.sepFilter2D(source, -1, _SHARPEN, _SHARPEN, borderType=cv2.BORDER_REFLECT_101)
    return warp_linear(sharp, local, (side, side), border=cv2.BORDER_REFLECT_101)


def warp_window(image: Image, matrix: Matrix, size: int) -> Image:
    """A square, uint8 (size, size, 3) BGR, for the detector; `matrix` (2, 3) maps the image to the square.

    Black beyond the border, as the detector pads its pictures: mirrored, half a face would be detected as a whole one.
    Linear interpolation is enough for the detector (docs/decisions/crop-sampling.md). Raises ValueError when no part
    of the square lies in the image.
    """
    source, local = _reduce(image, matrix, size)
    return warp_linear(source, local, (size, size))


def warp_linear(
    image: Pixels, matrix: Matrix, size: tuple[int, int], *, inverse: bool = False, border: int = cv2.BORDER_CONSTANT
) -> Pixels:
    """Interpolate `image` (H, W, 3) linearly through `matrix` (2, 3) to `size` (width, height).

    With `inverse` the matrix maps the result to the image. A fourth channel is added and dropped again, because OpenCV
    is vectorised for four channels and not for three.
    """
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if inverse else 0)
    four = cv2.warpAffine(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), matrix, size, flags=flags, borderMode=border)
    return cv2.cvtColor(four, cv2.COLOR_BGRA2BGR)


def _whole_pixels(matrix: Matrix) -> bool:
    """Whether `matrix` (2, 3) only shifts by whole pixels, so that nothing lies between two of them."""
    return bool(np.array_equal(matrix[:, :2], np.eye(2)) and np.array_equal(matrix[:, 2], np.rint(matrix[:, 2])))


def _reduce(image: Image, matrix: Matrix, size: int) -> tuple[Image, Matrix]:
    """The part of `image` that a square of `size` is cut from, averaged over whole pixels, and its matrix.

    Less than a factor of two is then left for the interpolation. Raises ValueError when there is no such part.
    """
    height, width = image.shape[:2]
    times = max(1, int(1 / scale_of(matrix)))
    region = region_of(matrix, width, height, box=(0, 0, size - 1, size - 1), margin=4 + times)
    if region is None:
        raise ValueError("The face lies outside the picture.")
    x1, y1, x2, y2 = region
    wide, high = (x2 - x1) // times, (y2 - y1) // times
    if times == 1 or not wide or not high:
        return image[y1:y2, x1:x2], shift_origin(matrix, x1, y1)
    # The last rows and columns, which fill no pixel, are left out.
    source = image[y1 : y1 + high * times, x1 : x1 + wide * times]
    # A pixel's centre lies half a pixel in on both grids: image = (reduced + 0.5) * times - 0.5.
    local = shift_origin(matrix, x1 + 0.5 * times - 0.5, y1 + 0.5 * times - 0.5)
    local[:, :2] *= times
    return np.asarray(cv2.resize(source, (wide, high), interpolation=cv2.INTER_AREA), np.uint8), local
