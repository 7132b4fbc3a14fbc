"""The views of one restored frame: each is composed once, at the first request, and shared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app.core.types import Frame, Image, Restored
from app.core.words import Words
from app.outputs.compose import caption, card, compose


class FrameViews:
    """The views of one frame. The pictures are shared between threads and must not be written to.

    `view` is the one chosen for the outputs, `split` (0 to 1) the position of its divider; `captions` labels the views
    that show both.
    """

    def __init__(
        self, restored: Restored, *, view: str = "restored", split: float = 0.5, captions: bool = False
    ) -> None:
        self.restored = restored
        self.view = view
        self._split = split
        self._captions = captions
        self._lock = threading.Lock()
        self._composed: dict[tuple[str, bool], Image] = {}

    def image(self, view: str, *, unmirrored: bool = False) -> Image:
        """Return the picture of `view` (see `compose`), uint8 BGR.

        `unmirrored` flips the halves of a mirrored camera back, so that text is legible; the original stays at the
        left. Raises SettingError for another view.
        """
        flip = unmirrored and self.restored.frame.mirrored
        with self._lock:
            if (view, flip) not in self._composed:
                self._composed[view, flip] = self._compose(view, flip)
            return self._composed[view, flip]

    def changed(self, change: Callable[[Restored], Restored]) -> FrameViews:
        """The same views of what `change` makes of the frame."""
        return FrameViews(change(self.restored), view=self.view, split=self._split, captions=self._captions)

    def _compose(self, view: str, flip: bool) -> Image:
        restored = self.restored
        if flip:
            frame = replace(restored.frame, image=np.ascontiguousarray(restored.frame.image[:, ::-1]))
            restored = replace(restored, frame=frame, image=np.ascontiguousarray(restored.image[:, ::-1]))
        picture = compose(restored, view, self._split)
        return caption(picture, view, self._split) if self._captions else picture


class Card(FrameViews):
    """A card with a text in place of a frame while there is none: the same in every view."""

    def __init__(self, text: Words, *, size: tuple[int, int], t_capture: float) -> None:
        """`size` is (width, height) in pixels, `t_capture` the time from which the card is shown."""
        picture = card(str(text), size)
        frame = Frame(image=picture, index=0, t_capture=t_capture, t_media=0.0)
        super().__init__(Restored(frame=frame, image=picture, k=0))

    def image(self, view: str, *, unmirrored: bool = False) -> Image:
        return self.restored.image
