"""A comparison sheet: one picture unrestored and restored by several networks, each part with its name."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.batch.jobs.job import RestoreOptions
from app.batch.jobs.plan import make_room
from app.batch.worker import PICTURE_DETECT_SIZE, blend
from app.core.errors import SettingError, UnreadableMediaError
from app.core.settings import Settings
from app.core.types import Frame, Image
from app.core.words import Phrase, phrase, tr
from app.faces.still_detector import StillDetector
from app.faces.sweep_detector import SweepDetector
from app.faces.tracker import FaceTracker
from app.media.files import already_there
from app.media.pictures.lettering import text_size, write_text
from app.media.pictures.picture import PICTURE_SUFFIXES, expect_picture_suffix, read_picture, write_image
from app.media.pictures.picture_facts import PROFILE
from app.outputs.compose import letterbox
from app.pipeline.process import FramePipeline
from app.restorers.family import Restorer
from app.restorers.store import ModelStore

_LONGER_SIDE = 900
"""Largest longer side of a part in pixels, which keeps sheets of large photographs small."""

_COLUMNS = 4
_BAR = 34
_GAP = 6
_TEXT = 16


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """A picture of the sheet, uint8 (H, W, 3) BGR, and its label."""

    label: str
    image: Image


def compare(
    store: ModelStore, source: Path, target: Path, names: Sequence[str], options: RestoreOptions, *, overwrite: bool
) -> tuple[Phrase, ...]:
    """Write the sheet of `source` to `target`, with a part for each restorer in `names`; return notes for the person.

    Each network is applied as often as it is made for, or `options.settings.k` times where that was given and it can.
    Raises SettingError for no or equal names, UnreadableMediaError for other files than pictures, OutputError, and as
    `ModelStore.create_restorer` raises.
    """
    if not all(names) or len(set(names)) != len(names):
        known = ", ".join(store.restorer_names())
        raise SettingError("A comparison needs names of restorers, each once.", "There are: {known}.", known=known)
    if source.suffix.lower() not in PICTURE_SUFFIXES:
        raise UnreadableMediaError(
            "{source} is no picture, and a sheet is made of one.", "Name a picture.", source=source
        )
    expect_picture_suffix(target)
    make_room(source, target)
    if target.exists() and not overwrite:
        raise already_there(target)
    picture = read_picture(source)
    original = picture.bgr
    if options.aligned and original.shape[0] != original.shape[1]:
        raise UnreadableMediaError(
            "{source} is not square, as an aligned face crop is.", "Leave --aligned out.", source=source
        )
    threads = options.settings.threads
    # As `restore` does, so that both find the same faces.
    detector = None if options.aligned else SweepDetector(*store.detectors("sweep-detector"), threads=threads)
    parts = [Part(label=tr("Original"), image=original)]
    notes: set[Phrase] = set()
    for name in names:
        settings = options.settings
        restorer = store.create_restorer(
            name, settings.precision, settings.threads, provider=settings.provider, spinning=settings.spinning
        )
        low, high = restorer.k_range
        k = settings.k if options.k_is_given and low <= settings.k <= high else store.restorer(name).default_k
        if detector is None:
            image = _restore_crop(restorer, original, k, settings)
        else:
            frame = Frame(image=original, index=0, t_capture=time.perf_counter(), t_media=0.0)
            size = options.detect_size or PICTURE_DETECT_SIZE
            chosen = settings.replace(restorer=name, k=k, auto_k=False, detect_size=size)
            restored = FramePipeline(FaceTracker(StillDetector(detector)), restorer).process(frame, chosen)
            image = restored.image
            if not restored.faces:
                notes.add(phrase("no face was found, every part is the picture itself"))
        parts.append(Part(label=f"{name}, k = {k}, {restorer.engine.precision.upper()}", image=image))
    write_image(target, sheet(parts), overwrite=overwrite, profile=picture.metadata.get(PROFILE, b""))
    return tuple(notes)


def _restore_crop(restorer: Restorer, crop: Image, k: int, settings: Settings) -> Image:
    side = restorer.family.crop_side
    interpolation = cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_CUBIC
    given = np.asarray(cv2.resize(crop, (side, side), interpolation=interpolation), np.uint8)
    restored = restorer.restore(given, k=k, stop_threshold=settings.stop_threshold).image
    return blend(given, restored, settings.strength / 100)


def sheet(parts: Sequence[Part]) -> Image:
    """Arrange the parts in rows of at most four, uint8 (H, W, 3) BGR, each below its label. All parts get one size."""
    height, width = parts[0].image.shape[:2]
    scale = min(1.0, _LONGER_SIDE / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    columns = min(len(parts), _COLUMNS)
    rows = math.ceil(len(parts) / columns)
    wide = max(size[0], max(text_size(part.label, _TEXT)[0] for part in parts) + 16)
    page = np.full((rows * (size[1] + _BAR + _GAP) + _GAP, columns * (wide + _GAP) + _GAP, 3), 24, np.uint8)
    for place, part in enumerate(parts):
        top = _GAP + place // columns * (size[1] + _BAR + _GAP)
        left = _GAP + place % columns * (wide + _GAP)
        inner = page[top + _BAR : top + _BAR + size[1], left : left + size[0]]
        inner[:] = letterbox(part.image, size)
        write_text(page, part.label, (left + 4, top + 8), _TEXT, (235, 235, 235))
    return page
