"""Pasting a restored crop back into the frame: the difference is added, the frame itself is never resampled.

What is added is `restored - crop`, weighted by a feathered mask and warped into the frame. Unlike replacing pixels,
this keeps the frame's detail beyond the crop's resolution, so a large sharp face stays sharp; it leaves a face that the
network does not change exactly as it was; and it does not jitter, because the frame's own pixels stay where they are.
A noisy frame keeps its finest grain in the face as around it (docs/decisions/pasting-the-change.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import FaceChange, Image, Rectangle, Restored
from app.faces.alignment import TEMPLATE_SIDE, Matrix, antialias, region_of, scale_of, shift_origin, warp_linear


@dataclass(frozen=True, kw_only=True)
class Area:
    """A superellipse of the crop in pixels of the template, whole inside and fading to nothing at its rim."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    exponent: float
    whole_until: float
    """Share of the radius from which it fades."""


HEAD = Area(centre=(127.5, 127.5), radii=(119.0, 123.0), exponent=5.0, whole_until=0.7)
"""What is pasted: the whole head with its hair (docs/decisions/pasted-area.md). The rim stays inside the crop, so that
no edge of the square can ever show."""

FACE = Area(centre=(127.5, 134.0), radii=(104.0, 118.0), exponent=2.5, whole_until=0.62)
"""Whose colours are matched: mostly skin, hardly any background."""

# Colour statistics are taken on 16x16 averages, which neither noise nor restored detail changes, and are limited to
# these bounds, so that coloured light is not corrected away.
_COARSE = 16
_GAIN_BOUNDS = (0.8, 1.25)
_SHIFT_BOUND = 24.0


@cache
def feathered_mask(side: int, area: Area = HEAD) -> NDArray[np.float32]:
    """Return the mask, float32 (side, side, 3) in [0, 1], equal channels, 0 at the border. Do not write to it."""
    pixel = TEMPLATE_SIDE / side
    y, x = ((np.mgrid[:side, :side] + 0.5) * pixel - 0.5).astype(np.float32)
    distances = (
        np.abs(place - middle) / reach for place, middle, reach in zip((x, y), area.centre, area.radii, strict=True)
    )
    radius = sum(distance**area.exponent for distance in distances) ** (1 / area.exponent)
    t = np.clip((1 - radius) / (1 - area.whole_until), 0, 1)
    mask = (t * t * (3 - 2 * t)).astype(np.float32)  # smoothstep: no visible beginning, no visible end
    result = np.repeat(mask[:, :, None], 3, axis=2)
    result.setflags(write=False)
    return result


@cache
def _coarse_weights(side: int) -> NDArray[np.float32]:
    """float32 (256,): how much each pixel of a 16x16 average counts, together 1."""
    face = feathered_mask(side, FACE)[:, :, 0]
    weights = cv2.resize(face, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).reshape(-1)
    normalised: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normalised


def match_colour(restored: Image, original: Image) -> Image:
    """Return `restored` with the low-frequency mean and contrast of `original`; all uint8 (side, side, 3) BGR."""
    averages = [
        cv2.resize(crop, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).reshape(-1, 3)
        for crop in (restored, original)
    ]
    coarse = np.hstack(averages).astype(np.float32)  # both crops' channels beside each other
    weights = _coarse_weights(original.shape[0])
    mean = weights @ coarse
    spread = np.sqrt(weights @ (coarse - mean) ** 2)
    matrix = np.zeros((3, 4), np.float32)
    for channel, (our_mean, their_mean, our_spread, their_spread) in enumerate(
        zip(*mean.reshape(2, 3).tolist(), *spread.reshape(2, 3).tolist(), strict=True)
    ):
        # One level of spread is added on both sides: on a flat crop the ratio of two noises says nothing.
        gain = _bounded((their_spread + 1) / (our_spread + 1), *_GAIN_BOUNDS)
        shift = _bounded(their_mean - our_mean, -_SHIFT_BOUND, _SHIFT_BOUND)
        matrix[channel, channel], matrix[channel, 3] = gain, our_mean * (1 - gain) + shift
    return np.asarray(cv2.transform(restored, matrix), np.uint8)


def _bounded(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def paste(
    image: Image,
    restored: Image,
    original: Image,
    matrix: Matrix,
    *,
    strength: float = 1.0,
    opacity: float = 1.0,
    area: Area = HEAD,
) -> FaceChange | None:
    """Add the network's change to `image`, uint8 (H, W, 3) BGR, in place and inside `area` of the crop only.

    `original` is the crop that was cut from this image with `matrix` (2, 3), frame -> crop, `restored` the network's
    output; both uint8 (side, side, 3) BGR. `strength` and `opacity` in [0, 1] scale the change. Returns the change,
    None where it is scaled to nothing.
    """
    weight, side = strength * opacity, original.shape[0]
    if weight <= 0:
        return None
    levels = cv2.subtract(match_colour(restored, original), original, dtype=cv2.CV_32F)
    cv2.multiply(levels, feathered_mask(side, area), dst=levels, scale=weight)
    change = FaceChange(levels=np.asarray(levels, np.float32), matrix=matrix)
    add_change(image, change)
    return change


def add_change(image: Image, change: FaceChange) -> None:
    """Add `change` to `image`, uint8 (H, W, 3) BGR, in place; its matrix leads from this image to the crop."""
    region = changed_region(change, (image.shape[1], image.shape[0]))
    if region is None:
        return
    x1, y1, x2, y2 = region
    local = shift_origin(change.matrix, x1, y1)
    levels = antialias(change.levels, scale_of(change.matrix))
    # Linear, because cubic interpolation overshoots (docs/decisions/linear-pasting.md).
    warped = warp_linear(levels, local, (x2 - x1, y2 - y1), inverse=True)
    target = image[y1:y2, x1:x2]
    cv2.add(target, warped, dst=target, dtype=cv2.CV_8U)


def changed_region(change: FaceChange, size: tuple[int, int]) -> Rectangle | None:
    """Smallest rectangle x1, y1, x2, y2 (x2, y2 excluded) of a frame of `size` (width, height) that holds `change`."""
    last = change.levels.shape[0] - 1
    return region_of(change.matrix, *size, box=(0, 0, last, last))


def changed_rectangle(restored: Restored) -> Rectangle | None:
    """Smallest rectangle x1, y1, x2, y2 (x2, y2 excluded) of the frame outside which nothing of it was changed."""
    height, width = restored.image.shape[:2]
    regions = [region for change in restored.changes if (region := changed_region(change, (width, height)))]
    if not regions:
        return None
    lefts, tops, rights, bottoms = zip(*regions, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
