"""The operators of degradations: blur kernels, resampling, sensor noise and JPEG.

Images are uint8 (H, W, 3) unless said otherwise. The colour order matters to the codec only, which expects BGR.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

Degradation = Callable[[Image, np.random.Generator], Image]
"""A function of an image, uint8 (H, W, 3) BGR, and the random generator to use; returns an image of the same shape."""


def blur(image: Image, sigma: float, *, largest: int = 0) -> Image:
    """Blur with a Gaussian of `sigma` pixels and three sigmas each way, at most `largest` pixels in all."""
    radius = int(3.0 * sigma + 0.5)
    if largest:
        radius = min(radius, largest // 2)
    return cv2.GaussianBlur(image, (2 * radius + 1, 2 * radius + 1), sigma, borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def down_up(image: Image, ratio: float) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def to_uint8(image: NDArray[np.float32]) -> Image:
    return cv2.convertScaleAbs(np.maximum(image, 0.0))  # type: ignore[return-value]


def jpeg(image: Image, quality: int) -> Image:
    ok, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not ok:
        raise ValueError(f"cannot encode an image of shape {image.shape} as JPEG")
    return cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def motion_blur(image: Image, length: int, angle: float) -> Image:
    """Average along a line of `length` pixels, odd, at `angle` radians."""
    kernel = np.zeros((length, length), np.float32)
    centre = length // 2
    offset = centre * np.array([np.cos(angle), np.sin(angle)])
    start, end = np.round(centre - offset).astype(int), np.round(centre + offset).astype(int)
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[return-value]


def varied_blur(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Blur about as strongly as a Gaussian of `sigma` pixels does, with a kernel of another shape.

    A truncated Gaussian, an anisotropic one, a box or a motion: a network trained on one shape learns to invert that
    shape and gains less on others.
    """
    shape = rng.choice(("cut off", "anisotropic", "box", "motion"))
    if shape == "cut off":
        return blur(image, sigma, largest=2 * int(rng.uniform(0.8, 2.2) * sigma + 1) + 1)
    if shape == "anisotropic":
        return _anisotropic_blur(image, sigma, sigma * rng.uniform(0.25, 0.9), rng.uniform(0.0, np.pi))
    if shape == "box":  # a box of width w has the variance w^2 / 12
        width = max(1, round(np.sqrt(12.0) * sigma))
        return cv2.blur(image, (width, width), borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]
    soft = blur(image, 0.3 * sigma + 0.3)
    return motion_blur(soft, 2 * int(1.7 * sigma) + 1, rng.uniform(0.0, np.pi))


def _anisotropic_blur(image: Image, along: float, across: float, angle: float) -> Image:
    """A Gaussian of `along` pixels at `angle` radians and of `across` pixels at a right angle to it."""
    radius = int(3.0 * along + 0.5)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)).astype(np.float32)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def draw_blotches(rng: np.random.Generator) -> float:
    """Draw the size in pixels of the blotches that a denoising camera leaves; half of the time 0, for none."""
    return float(rng.uniform(0.6, 1.5)) if rng.random() < 0.5 else 0.0


def sensor_noise(
    image: NDArray[np.float32], sigma: float, rng: np.random.Generator, *, blotches: float | None = None
) -> NDArray[np.float32]:
    """Add the noise of a small sensor, of about `sigma` on the 0..255 scale; half of the time denoised to blotches.

    `blotches` is their size in pixels, 0 for grains; None draws it.
    """
    height, width = image.shape[:2]
    noise = rng.standard_normal((height, width, 3), dtype=np.float32)
    if blotches is None:
        blotches = draw_blotches(rng)
    if blotches:
        noise = cv2.GaussianBlur(noise, (0, 0), blotches) * 2.0
    # Shot noise grows with the square root of the light.
    light = np.sqrt(np.clip(image, 0.0, 255.0) / 255.0) * 0.7 + 0.5
    return image + noise * np.float32(sigma) * light  # type: ignore[no-any-return]
