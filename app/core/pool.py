"""Memory for pictures that come and go thirty times a second."""

from __future__ import annotations

import math
import weakref
from collections import deque

import numpy as np

from app.core.types import Image

_KEPT = 8


class ImagePool:
    """Hands out pictures whose memory is used again as soon as nobody holds them, or a part of them, any more.

    Pictures of megabytes that are allocated anew for every frame leave holes which no allocator fills exactly: the
    process grows by a frame now and then for hours, and every fresh page has to be mapped first. May be used by all
    threads.
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque(maxlen=_KEPT)

    def empty(self, shape: tuple[int, ...]) -> Image:
        """uint8 of `shape`, contents undefined."""
        size = math.prod(shape)
        try:
            memory = self._free.pop()
        except IndexError:
            memory = bytearray(size)
        if len(memory) != size:  # of the source before
            memory = bytearray(size)
        image: Image = np.ndarray(shape, np.uint8, memory)
        # A slice of the picture keeps the picture alive, so its end is the end of them all.
        weakref.finalize(image, self._free.append, memory).atexit = False
        return image

    def copy(self, image: Image) -> Image:
        """A copy of `image`, uint8, in the pool's memory."""
        copied = self.empty(image.shape)
        np.copyto(copied, image)
        return copied
