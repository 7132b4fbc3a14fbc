"""PFSRNet: progressive super-resolution of faces from 16x16 to 128x128 in a single pass (arXiv 1908.08239).

The crop goes through the method's own pre-processing, down to 128, 64, 32 and 16 pixels, and the resulting 128 pixels
are enlarged to the crop's side. Detail beyond 16x16 pixels is lost; that is the method's property.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image
from app.core.words import phrase
from app.restorers.cycles import NetworkRestorer, read_image, write_image
from app.restorers.family import Family, ImageTensor


def reduce(crop: Image) -> NDArray[np.float32]:
    """Reduce uint8 (256, 256, 3) to float32 (16, 16, 3) by halving; bilinear at one half is the mean of 2x2."""
    values: NDArray[np.float32] = crop.astype(np.float32)
    while values.shape[0] > FAMILY.takes.side:
        half = (values.shape[1] // 2, values.shape[0] // 2)
        values = np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_LINEAR), np.float32)
    return values


class PFSRNetRestorer(NetworkRestorer):
    """A `Restorer` that reduces a crop to 16x16 pixels and has the network enlarge it again."""

    def _begin(self, crop: Image) -> None:
        self._crop = crop

    def _cycle(self) -> float:
        before = self._crop
        write_image(reduce(before), self._engine.begin(), self.family.takes)
        self._engine.advance()
        image = read_image(self._engine.tensor, self.family.gives)
        size = (self.family.crop_side, self.family.crop_side)
        self._crop = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        return float(cv2.norm(self._crop, before, cv2.NORM_L1)) / before.size / 127.5

    def _result(self) -> Image:
        return self._crop


FAMILY = Family(
    name="pfsrnet",
    title="PFSRNet",
    paper="arXiv 1908.08239",
    takes=ImageTensor(side=16),
    gives=ImageTensor(side=128),
    k_range=(1, 1),
    fixed_point=False,
    create=PFSRNetRestorer,
    weakness=phrase("Sees 16x16 pixels of a face, whatever it is given: it suits faces that are hardly larger."),
)
