"""A restored frame at twice or four times its size: enlarged, with its faces pasted from the pixels they were given."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from app.core.types import Face, Restored
from app.faces.enlarging import enlarged_change
from app.faces.pasting import add_change
from app.media.pictures.enlarge import enlarge


def at_scale(restored: Restored, scale: int) -> Restored:
    """Enlarge `restored`, its frame and its faces `scale` times; itself at scale 1. Counts as pasting."""
    if scale == 1:
        return restored
    started = time.perf_counter()
    before = enlarge(restored.frame.image, scale)
    after = np.copy(before) if restored.changes else before
    changes = tuple(enlarged_change(change, scale, scale) for change in restored.changes)
    for change in changes:
        add_change(after, change)
    true = restored.frame.true_image
    frame = replace(restored.frame, image=before, true_image=None if true is None else enlarge(true, scale))
    faces = tuple(replace(entry, face=_enlarged_face(entry.face, scale)) for entry in restored.faces)
    paste_ms = restored.timings.paste_ms + (time.perf_counter() - started) * 1000
    return Restored(
        frame=frame,
        image=after,
        k=restored.k,
        faces=faces,
        changes=changes,
        alone=restored.alone,
        left_alone=tuple(_enlarged_face(face, scale) for face in restored.left_alone),
        timings=replace(restored.timings, paste_ms=paste_ms),
    )


def _enlarged_face(face: Face, scale: int) -> Face:
    """`face` in a frame that was made `scale` times as large; a pixel's centre lies half a pixel in."""
    return replace(face, box=face.box * scale, landmarks=(face.landmarks + np.float32(0.5)) * scale - np.float32(0.5))
