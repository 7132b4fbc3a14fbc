"""The paper's D and the webcam D: degradations of one picture by itself.

A degradation is called with an image, uint8 (H, W, 3) BGR, and a `numpy.random.Generator`, and returns an image of the
same shape. All randomness comes from that generator, so a test set is reproducible image by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.degradation.operators import Image, blur, down_up, jpeg, motion_blur, sensor_noise, to_uint8, varied_blur


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
    and the JPEG quality, each drawn uniformly. `largest_kernel` truncates the Gaussian at that many pixels, like
    implementations with a fixed kernel size (41 in GFPGAN's); 0 keeps three sigmas each way. `shapes` is the
    probability of another kernel than the Gaussian, see `varied_blur`; it is for training only.
    """

    blur_sigma: tuple[float, float] = (1.0, 15.0)
    ratio: tuple[float, float] = (1.0, 12.0)
    noise_sigma: tuple[float, float] = (0.0, 20.0)
    jpeg_quality: tuple[int, int] = (30, 90)
    largest_kernel: int = 0
    shapes: float = 0.0

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
        if self.shapes > 0.0 and rng.random() < self.shapes:
            soft = varied_blur(image, drawn.blur_sigma, rng)
        else:
            soft = blur(image, drawn.blur_sigma, largest=self.largest_kernel)
        degraded = down_up(soft, drawn.ratio)
        degraded += rng.standard_normal(degraded.shape, dtype=np.float32) * np.float32(drawn.noise_sigma)
        return jpeg(to_uint8(degraded), drawn.jpeg_quality)

    def strength(self, drawn: PaperParameters) -> float:
        """Return the mean of the two blurring parameters, each scaled to [0, 1], for ordering a test set by difficulty.

        Blur and ratio decide how much of the face is lost; noise and JPEG matter far less.
        """
        blur = (drawn.blur_sigma - self.blur_sigma[0]) / (self.blur_sigma[1] - self.blur_sigma[0])
        ratio = (drawn.ratio - self.ratio[0]) / (self.ratio[1] - self.ratio[0])
        return 0.5 * (blur + ratio)


@dataclass(frozen=True, kw_only=True)
class WebcamDegradation:
    """The degradation of a cheap camera and a video call; milder and more varied than the paper's D.

    Optics and motion blur, the sensor's scaling, sensor noise, which low light strengthens, over-sharpening, JPEG
    blocks, and last the rounding of a tone curve that is applied and undone. Every part has its own probability, so
    that some pictures stay unchanged.
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
            image = blur(image, rng.uniform(*self.defocus_sigma))
        if rng.random() < 0.25:
            image = motion_blur(image, int(rng.integers(*self.motion_pixels)) | 1, rng.uniform(0.0, np.pi))
        degraded = down_up(image, rng.uniform(*self.ratio))
        if low_light or rng.random() < 0.4:
            degraded = sensor_noise(degraded, rng.uniform(*self.noise_sigma) * (1.0 if low_light else 0.5), rng)
        if rng.random() < 0.35:
            soft = cv2.GaussianBlur(degraded, (0, 0), 1.2)
            degraded += np.float32(rng.uniform(*self.sharpen)) * (degraded - soft)
        result = to_uint8(degraded)
        if rng.random() < 0.8:
            low, high = self.jpeg_quality
            result = jpeg(result, int(rng.integers(low, high + 1)))
        if gamma != 1.0:
            # A tone curve would teach a colour shift, so it is undone. What stays is its rounding, at most two
            # levels.
            levels = np.linspace(0.0, 1.0, 256)
            there = np.round(255.0 * levels**gamma).astype(np.uint8)
            back = np.round(255.0 * levels ** (1.0 / gamma)).astype(np.uint8)
            result = cv2.LUT(cv2.LUT(result, there), back)  # type: ignore[assignment]
        return result
