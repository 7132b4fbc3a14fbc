"""One frame before and after, as two PNG files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.core.errors import OutputError
from app.core.types import Image, Restored
from app.media.files import PRIVATE, make_private_folder, output_error
from app.media.picture import write_image
from app.outputs.compose import BEFORE_AFTER, compose, write_captions
from app.outputs.recordings.file import RECORDING_STEM


def save_snapshot(restored: Restored, folder: Path, *, now: datetime | None = None) -> tuple[Path, Path]:
    """Write the frame and its restored picture to `folder`, which is made when absent; gives both paths.

    The names carry the time to the millisecond and never replace a file. Both files are written or none. Raises
    OutputError.
    """
    try:
        make_private_folder(folder)
    except OSError as error:
        raise output_error(folder, error) from error
    taken_at = now or datetime.now()
    stem = f"cfrnet-live-{taken_at:%Y-%m-%d-%H%M%S}-{taken_at.microsecond // 1000:03d}"
    number = 1
    while any((folder / f"{stem}{_behind(number)}-{side}.png").exists() for side in ("before", "after")):
        number += 1
    before = folder / f"{stem}{_behind(number)}-before.png"
    after = folder / f"{stem}{_behind(number)}-after.png"
    write_image(before, restored.frame.image, permissions=PRIVATE)
    try:
        write_image(after, restored.image, permissions=PRIVATE)
    except OutputError:
        before.unlink(missing_ok=True)
        raise
    return before, after


def before_after(restored: Restored) -> Image:
    """The frame before and after side by side, labelled, with a thin line between: uint8 (H, 2W, 3) BGR."""
    picture = compose(restored, "side-by-side", 0.5)
    write_captions(picture, "side-by-side", 0.5, names=BEFORE_AFTER)
    return picture


def save_before_after(restored: Restored, folder: Path, *, now: datetime | None = None) -> tuple[Path, Path]:
    """Write `before_after` as a PNG and a JPEG of one name and return both paths. Raises OutputError."""
    try:
        make_private_folder(folder)
    except OSError as error:
        raise output_error(folder, error) from error
    taken_at = now or datetime.now()
    stem = f"{RECORDING_STEM}-{taken_at:%Y-%m-%d-%H%M%S}-{taken_at.microsecond // 1000:03d}-before-after"
    number = 1
    while any((folder / f"{stem}{_behind(number)}{suffix}").exists() for suffix in (".png", ".jpg")):
        number += 1
    png, jpeg = (folder / f"{stem}{_behind(number)}{suffix}" for suffix in (".png", ".jpg"))
    picture = before_after(restored)
    write_image(png, picture, permissions=PRIVATE)
    try:
        write_image(jpeg, picture, permissions=PRIVATE)
    except OutputError:
        png.unlink(missing_ok=True)
        raise
    return png, jpeg


def _behind(number: int) -> str:
    return "" if number == 1 else f"-{number}"
