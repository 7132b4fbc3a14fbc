"""One frame before and after, as two PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from app.core.errors import OutputError
from app.core.types import Image, Restored
from app.media.files import PRIVATE, make_private_folder, output_error
from app.media.pictures.picture import write_image
from app.outputs.compose import BEFORE_AFTER, compose, write_captions
from app.outputs.recordings.file import RECORDING_STEM


def save_snapshot(restored: Restored, folder: Path, *, now: datetime | None = None) -> tuple[Path, Path]:
    """Write the frame and its restored picture to `folder`, which is created when absent; return both paths.

    The names carry the time to the millisecond and never replace a file. Both files are written or none. Raises
    OutputError.
    """
    pictures = {"-before.png": restored.frame.image, "-after.png": restored.image}
    return _save_pair(folder, "", pictures, now or datetime.now())


def before_after(restored: Restored) -> Image:
    """Return the frame before and after side by side, captioned, with a thin line between: uint8 (H, 2W, 3) BGR."""
    picture = compose(restored, "side-by-side", 0.5)
    write_captions(picture, "side-by-side", 0.5, names=BEFORE_AFTER)
    return picture


def save_before_after(restored: Restored, folder: Path, *, now: datetime | None = None) -> tuple[Path, Path]:
    """Write `before_after` as a PNG and a JPEG of one name and return both paths. Raises OutputError."""
    picture = before_after(restored)
    return _save_pair(folder, "-before-after", {".png": picture, ".jpg": picture}, now or datetime.now())


def _save_pair(folder: Path, kind: str, pictures: Mapping[str, Image], taken_at: datetime) -> tuple[Path, Path]:
    """Write two pictures under one unused name with different suffixes: both or none."""
    try:
        make_private_folder(folder)
    except OSError as error:
        raise output_error(folder, error) from error
    stem = f"{RECORDING_STEM}-{taken_at:%Y-%m-%d-%H%M%S}-{taken_at.microsecond // 1000:03d}{kind}"
    number = 1
    while any((folder / f"{stem}{_behind(number)}{ending}").exists() for ending in pictures):
        number += 1
    first, second = (folder / f"{stem}{_behind(number)}{ending}" for ending in pictures)
    before, after = pictures.values()
    write_image(first, before, permissions=PRIVATE)
    try:
        write_image(second, after, permissions=PRIVATE)
    except OutputError:
        first.unlink(missing_ok=True)
        raise
    return first, second


def _behind(number: int) -> str:
    return "" if number == 1 else f"-{number}"
