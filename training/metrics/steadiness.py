"""Metrics of a restored video against its truth: unwanted changes from frame to frame.

Crops are uint8 (T, 256, 256, 3) BGR, consecutive, of one face at one place. Blur is steady too: read these figures
beside those of sharpness.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[np.uint8]
Flow = NDArray[np.float32]

# A pixel is occluded when going along the flow and back misses by more than this (Sundaram, Brox and Keutzer, 2010).
_MISS_SHARE, _MISS_PIXELS = 0.01, 0.5


class TruthMotion:
    """Optical flow (DIS, medium) of a true video, and which pixels of each frame are seen in the one before."""

    def __init__(self, truth: Images) -> None:
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in truth]
        height, width = truth.shape[1:3]
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
        self._maps: list[Flow] = []
        self._seen: list[NDArray[np.bool_]] = []
        for before, now in pairwise(grey):
            back, forth = (
                np.asarray(dis.calc(a, b, np.zeros_like(grid)), np.float32) for a, b in ((now, before), (before, now))
            )
            places = grid + back
            ahead = cv2.remap(forth, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
            miss = back + ahead
            allowed = _MISS_SHARE * ((back**2).sum(2) + (ahead**2).sum(2)) + _MISS_PIXELS
            inside = (places >= 0).all(2) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
            self._maps.append(places)
            self._seen.append(((miss**2).sum(2) < allowed) & inside)

    def warping_error(self, restored: Images) -> float:
        """Mean absolute difference, of 255, between a frame and the one before moved along (Lai et al., ECCV 2018)."""
        errors = []
        for before, now, places, seen in zip(restored, restored[1:], self._maps, self._seen, strict=False):
            # At the rim the cubic kernel reaches past the picture.
            moved = cv2.remap(  # type: ignore[call-overload]
                before, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            errors.append(np.abs(moved.astype(np.float32) - now)[seen].mean())
        return float(np.mean(errors))


def landmark_speed_error(found: Tensor, wanted: Tensor) -> float:
    """TLME: mean difference of the landmarks' motion from frame to frame, in percent of the outer-eye distance.

    Both are landmarks (T, 68, 2), of the restored video and of its truth.
    """
    difference = (found[1:] - found[:-1] - wanted[1:] + wanted[:-1]).norm(dim=2).mean(1)
    between = (wanted[1:, 36] - wanted[1:, 45]).norm(dim=1)
    return float(100.0 * (difference / between).mean())


def sharpness(restored: Images, truth: Images) -> float:
    """Mean gradient of luma in percent of the truth's: under 100 is blur, over 100 invented detail or noise."""
    return 100.0 * _gradient(restored) / _gradient(truth)


def _gradient(frames: Images) -> float:
    luma = torch.from_numpy(np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames])).float()
    return float(torch.hypot(luma[:, :-1, 1:] - luma[:, :-1, :-1], luma[:, 1:, :-1] - luma[:, :-1, :-1]).mean())
