"""The five degradations of HiFaceGAN (arXiv 2005.05005) and FR, which superimposes four of them.

All take and return uint8 (H, W, 3) images; only JPEG depends on the colour order, BGR. The paper names the operations
and leaves their ranges open; those below are ours, chosen on 256x256 faces. Randomness comes from the generator passed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.degradation import operators
from training.degradation.models import PaperDegradation
from training.degradation.operators import Degradation, Image

DOWN_RATIO = 4
MOSAIC_PIXELS = 16
BLURS = ("gaussian", "average", "median", "motion")
BLUR_SIDES = (5, 21)
NOISE_SIGMA = (5.0, 40.0)
JPEG_QUALITY = (10, 60)


def downsample(image: Image, rng: np.random.Generator, ratio: float = DOWN_RATIO) -> Image:
    """Shrink to a quarter of each side by averaging and enlarge again by bicubic interpolation."""
    height, width = image.shape[:2]
    size = max(1, round(width / ratio)), max(1, round(height / ratio))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def mosaic(image: Image, rng: np.random.Generator) -> Image:
    """Replace every block of 16x16 pixels by its mean."""
    height, width = image.shape[:2]
    size = max(1, width // MOSAIC_PIXELS), max(1, height // MOSAIC_PIXELS)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Blur by one of four kernels, Gaussian, average, median or motion, 5 to 21 pixels wide."""
    side = int(rng.integers(BLUR_SIDES[0] // 2, BLUR_SIDES[1] // 2 + 1)) * 2 + 1
    return blur_by(BLURS[int(rng.integers(len(BLURS)))], image, side, rng.uniform(0.0, np.pi))


def blur_by(kind: str, image: Image, side: int, angle: float = 0.0) -> Image:
    """Blur by the kernel `kind`, one of BLURS, `side` pixels wide, odd; `angle` in radians is that of a motion."""
    match kind:
        case "gaussian":
            blurred = cv2.GaussianBlur(image, (side, side), side / 4.0)
        case "average":
            blurred = cv2.blur(image, (side, side))
        case "median":
            blurred = cv2.medianBlur(image, side)
        case "motion":
            blurred = operators.motion_blur(image, side, angle)
        case _:
            raise ValueError(f"unknown blur {kind!r}; known: {', '.join(BLURS)}")
    return np.asarray(blurred, np.uint8)


def noise(image: Image, rng: np.random.Generator) -> Image:
    """Add Gaussian noise, independent in every value; sigma 5 to 40 of 255."""
    sigma = np.float32(rng.uniform(*NOISE_SIGMA))
    grain = rng.standard_normal(image.shape, dtype=np.float32) * sigma
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def jpeg(image: Image, rng: np.random.Generator) -> Image:
    """Compress as JPEG of quality 10 to 60."""
    return operators.jpeg(image, int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1)))


def _downsample_by_a_drawn_ratio(image: Image, rng: np.random.Generator) -> Image:
    return downsample(image, rng, rng.uniform(1.0, DOWN_RATIO))


SUB_TASKS: dict[str, Degradation] = {
    "downsampling": downsample,
    "mosaic": mosaic,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
}


def renovation(image: Image, rng: np.random.Generator) -> Image:
    """FR: down-sampling, blur, noise and JPEG in random order, each with a strength drawn uniformly."""
    steps: list[Degradation] = [_downsample_by_a_drawn_ratio, blur, noise, jpeg]
    for index in rng.permutation(len(steps)):
        image = steps[index](image, rng)
    return image


@dataclass(frozen=True, kw_only=True)
class RenovationMixture:
    """The mixture for HiFaceGAN-Lite: the paper's D of CFRNet, FR, the single sub-tasks, and clean faces."""

    paper: float = 0.55
    renovation: float = 0.25
    sub_task: float = 0.13

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Degrade `image`, uint8 (S, S, 3) BGR, or return it as it is."""
        draw = rng.random()
        if draw < self.paper:
            return PaperDegradation()(image, rng)
        if draw < self.paper + self.renovation:
            return renovation(image, rng)
        if draw < self.paper + self.renovation + self.sub_task:
            return SUB_TASKS[str(rng.choice(list(SUB_TASKS)))](image, rng)
        return image
