"""Degradation models: how a clean face becomes a bad one.

All functions take and return uint8 (H, W, 3) images. The colour order does not matter to any of them except the
codec, which is told BGR. Randomness comes only from the `numpy.random.Generator` that is handed in, so a test set is
reproducible image by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def _blur(image: Image, sigma: float) -> Image:
    radius = int(3.0 * sigma + 0.5)
    return cv2.GaussianBlur(image, (2 * radius + 1, 2 * radius + 1), sigma, borderType=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _down_up(image: Image, ratio: float) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    small = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _to_uint8(image: NDArray[np.float32]) -> Image:
    return cv2.convertScaleAbs(np.maximum(image, 0.0))  # type: ignore[return-value]


def _jpeg(image: Image, quality: int) -> Image:
    ok, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not ok:
        raise ValueError(f"cannot encode an image of shape {image.shape} as JPEG")
    return cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class PaperParameters:
    """One draw of the paper's D: sigmas in pixels and on the 0..255 scale, ratio of the sides, JPEG quality."""

    blur_sigma: float
    ratio: float
    noise_sigma: float
    jpeg_quality: int


@dataclass(frozen=True, kw_only=True)
class PaperDegradation:
    """The paper's D (arXiv 2606.06850): blur, bicubic down and up, noise, JPEG, always all four and in this order.

    Ranges: sigma of the Gaussian blur in pixels, ratio of the down-sampling, sigma of the noise on the 0..255 scale
    and the JPEG quality, each drawn uniformly.
    """

    blur_sigma: tuple[float, float] = (1.0, 15.0)
    ratio: tuple[float, float] = (1.0, 12.0)
    noise_sigma: tuple[float, float] = (0.0, 20.0)
    jpeg_quality: tuple[int, int] = (30, 90)

    def draw(self, rng: np.random.Generator) -> PaperParameters:
        low, high = self.jpeg_quality
        return PaperParameters(
            blur_sigma=rng.uniform(*self.blur_sigma),
            ratio=rng.uniform(*self.ratio),
            noise_sigma=rng.uniform(*self.noise_sigma),
            jpeg_quality=int(rng.integers(low, high + 1)),
        )

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        drawn = self.draw(rng)
        degraded = _down_up(_blur(image, drawn.blur_sigma), drawn.ratio)
        degraded += rng.standard_normal(degraded.shape, dtype=np.float32) * np.float32(drawn.noise_sigma)
        return _jpeg(_to_uint8(degraded), drawn.jpeg_quality)

    def strength(self, drawn: PaperParameters) -> float:
        """The mean of the two blurring parameters, each scaled to [0, 1]: orders a seeded test set from mild to hard.

        Blur and ratio decide how much of the face is gone; noise and JPEG matter far less after them.
        """
        blur = (drawn.blur_sigma - self.blur_sigma[0]) / (self.blur_sigma[1] - self.blur_sigma[0])
        ratio = (drawn.ratio - self.ratio[0]) / (self.ratio[1] - self.ratio[0])
        return 0.5 * (blur + ratio)


@dataclass(frozen=True, kw_only=True)
class WebcamDegradation:
    """What a cheap camera and a video call do to a face; milder and more varied than the paper's D.

    Low light comes first (gamma, then sensor noise, which a camera smooths away again), then optics and motion,
    the sensor's scaling, its over-sharpening, and blocks of JPEG compression. Every part has its own chance, so that
    now and then the picture comes through untouched.
    """

    clean: float = 0.12
    defocus_sigma: tuple[float, float] = (0.4, 3.5)
    motion_pixels: tuple[int, int] = (3, 13)
    ratio: tuple[float, float] = (1.0, 4.0)
    gamma: tuple[float, float] = (0.7, 1.4)
    noise_sigma: tuple[float, float] = (1.0, 16.0)
    sharpen: tuple[float, float] = (0.3, 1.5)
    jpeg_quality: tuple[int, int] = (18, 92)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        if rng.random() < self.clean:
            return image
        low_light = rng.random() < 0.4
        gamma = float(rng.uniform(*self.gamma)) if rng.random() < 0.3 else 1.0
        if rng.random() < 0.7:
            image = _blur(image, rng.uniform(*self.defocus_sigma))
        if rng.random() < 0.25:
            image = self._motion(image, rng)
        degraded = _down_up(image, rng.uniform(*self.ratio))
        if low_light or rng.random() < 0.4:
            degraded = self._sensor_noise(degraded, rng, low_light)
        if rng.random() < 0.35:
            soft = cv2.GaussianBlur(degraded, (0, 0), 1.2)
            degraded += np.float32(rng.uniform(*self.sharpen)) * (degraded - soft)
        result = _to_uint8(degraded)
        if rng.random() < 0.8:
            low, high = self.jpeg_quality
            result = _jpeg(result, int(rng.integers(low, high + 1)))
        if gamma != 1.0:
            # A tone curve that training has to leave alone would teach a colour shift, so it is undone: what stays is
            # the banding and the noise that it stretched.
            levels = np.linspace(0.0, 1.0, 256)
            there = np.round(255.0 * levels**gamma).astype(np.uint8)
            back = np.round(255.0 * levels ** (1.0 / gamma)).astype(np.uint8)
            result = cv2.LUT(cv2.LUT(result, there), back)  # type: ignore[assignment]
        return result

    def _motion(self, image: Image, rng: np.random.Generator) -> Image:
        length = int(rng.integers(*self.motion_pixels)) | 1
        kernel = np.zeros((length, length), np.float32)
        centre, angle = length // 2, rng.uniform(0.0, np.pi)
        offset = centre * np.array([np.cos(angle), np.sin(angle)])
        start, end = np.round(centre - offset).astype(int), np.round(centre + offset).astype(int)
        cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0)
        return cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[return-value]

    def _sensor_noise(
        self, image: NDArray[np.float32], rng: np.random.Generator, low_light: bool
    ) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        sigma = rng.uniform(*self.noise_sigma) * (1.0 if low_light else 0.5)
        noise = rng.standard_normal((height, width, 3), dtype=np.float32)
        if rng.random() < 0.5:  # a denoising camera leaves blotches, not grains
            noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.6, 1.5)) * 2.0
        # Shot noise grows with the square root of the light.
        light = np.sqrt(np.clip(image, 0.0, 255.0) / 255.0) * 0.7 + 0.5
        return image + noise * np.float32(sigma) * light  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class TrainingDegradation:
    """The mixture that training sees: the paper's D, the webcam D, and clean faces."""

    paper: float = 0.68
    webcam: float = 0.28

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        draw = rng.random()
        if draw < self.paper:
            return PaperDegradation()(image, rng)
        if draw < self.paper + self.webcam:
            return WebcamDegradation()(image, rng)
        return image
