"""Restoring a video file: every frame with its exact time stamp, everything beside the pictures copied untouched."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from app.core.errors import OutputError, RecordingError, UnreadableMediaError
from app.core.types import Frame, Restored
from app.media.colour import UNSPECIFIED, matrix_of
from app.media.encoder import FILE_ENCODERS, ColourTags, VideoEncoder
from app.media.files import NewFile, ffmpeg_name, free_name, output_error, permissions_of, reason
from app.media.tracks import OtherTracks
from app.media.video_reader import VideoPicture, VideoReader
from app.outputs.compose import compose

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes that a restored video can have, and FFmpeg's names. Matroska rounds time stamps to its millisecond."""

_TAGGED_MATRICES = (1, 5, 6, 7, 9)

Process = Callable[[Frame], Restored]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class TranscodeResult:
    """What was written: `path` is None when it was cancelled, and then nothing is left. `notes` name what was lost."""

    path: Path | None
    frames: int
    duration_s: float
    cancelled: bool = False
    notes: tuple[str, ...] = ()


def restore_video(
    source: Path,
    target: Path,
    process: Process,
    *,
    side_by_side: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    before_naming: Callable[[], None] | None = None,
) -> TranscodeResult:
    """Send every frame of the film `source` through `process` and write `target`, H.264 in MP4, MOV or MKV.

    A film that is turned by its metadata is written upright; its colour matrix, range and tags, ten bits, interlacing,
    sound, subtitles, chapters, covers and attachments are kept, and what cannot be is named in `notes`. `progress`
    receives the frames done and how many there are (None when nobody knows), `cancel` is asked before every frame.
    `target` appears only when everything is in it and `before_naming`, called last, does not raise. It has the
    permissions of `source` and replaces a file only with `overwrite`.

    Raises UnreadableMediaError for what cannot be decoded, OutputError for what cannot be written, and whatever
    `process` raises. A film that breaks off is restored up to there and kept as NAME.incomplete (or the first of
    NAME.incomplete-2 and so on that is free), which the error names.
    """
    if target.suffix.lower() not in FORMATS:
        raise OutputError(f"{target} has no suffix of a film.", "Use one of " + ", ".join(FORMATS) + ".")
    reader = VideoReader(source, with_depth=True)
    try:
        output = _Output(target, reader, side_by_side=side_by_side, overwrite=overwrite)
        try:
            damage = None
            try:
                finished = output.fill(process, progress, cancel)
            except UnreadableMediaError as error:
                finished, damage = True, error
            if not finished:
                output.discard()
                return TranscodeResult(path=None, frames=output.frames, duration_s=output.duration_s, cancelled=True)
            output.close()
            if before_naming is not None:
                before_naming()
        except BaseException:
            output.discard()
            raise
    finally:
        reader.close()
    if damage is not None:
        kept = free_name(target.with_stem(target.stem + ".incomplete"))
        output.take_name(kept)
        raise UnreadableMediaError(damage.what, f"What could be restored of it is in {kept}.") from damage
    output.take_name()
    return TranscodeResult(path=target, frames=output.frames, duration_s=output.duration_s, notes=tuple(output.notes))


class _Output:
    """The film being written, under a name of its own until it is whole."""

    def __init__(self, target: Path, reader: VideoReader, *, side_by_side: bool, overwrite: bool) -> None:
        self._target = target
        self._reader = reader
        self._view = "side-by-side" if side_by_side else "restored"
        self.frames = 0
        self.duration_s = 0.0
        self._file = NewFile(target, overwrite=overwrite, permissions=permissions_of(reader.path))
        with contextlib.ExitStack() as undo:
            undo.callback(self._file.discard)
            with self._writing():
                kind = FORMATS[target.suffix.lower()]
                self._container = av.open(ffmpeg_name(self._file.part), "w", format=kind)
            undo.callback(self._container.close)  # first: Windows deletes no file that is open
            self._encoder = self._encoder_for(reader, deep=reader.bits > 8)
            with self._writing():
                self._tracks = OtherTracks(reader.container, reader.stream, self._container, kind)
            self.notes = [*_losses(reader, self._encoder), *self._tracks.notes]
            undo.pop_all()

    def fill(self, process: Process, progress: Progress | None, cancel: Callable[[], bool] | None) -> bool:
        """Everything the reader gives. False when it was cancelled."""
        reader = self._reader
        total = reader.frame_count or (round(reader.duration_s * reader.fps) if reader.duration_s else 0) or None
        for item in reader.items(other_streams=True):
            if not isinstance(item, VideoPicture):
                with self._writing():
                    self._container.mux(list(self._tracks.packets(item)))
                continue
            if cancel is not None and cancel():
                return False
            t_media = float((item.pts - reader.first_pts) * item.time_base)
            frame = Frame(image=item.image, index=self.frames, t_capture=time.perf_counter(), t_media=t_media)
            image = self._composed(process(frame), item.deep)
            with self._writing():
                self._container.mux(self._encoder.encode(image, item.pts, duration=item.duration))
            self.frames += 1
            self.duration_s = t_media + float(item.duration * item.time_base)
            if progress is not None:
                progress(self.frames, total)
        if shortfall := reader.shortfall():
            self.notes.append(shortfall)
        return True

    def close(self) -> None:
        with self._writing():
            self._container.mux(self._encoder.flush())
            self._container.mux(list(self._tracks.rest()))
            self._container.close()

    def take_name(self, path: Path | None = None) -> None:
        """The closed film gets its target's name, or the name `path`."""
        try:
            self._file.commit(path)
        except BaseException:
            self._file.discard()
            raise

    def discard(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        self._file.discard()

    def _composed(self, restored: Restored, deep: NDArray[np.uint16] | None) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The picture to encode; of a deep video what the restoring changed is added to the full depth."""
        image = compose(restored, self._view, 0.5)
        if deep is None or not self._encoder.deep:
            return image
        before = compose(replace(restored, image=restored.frame.image), self._view, 0.5)
        base = deep if deep.shape == image.shape else np.concatenate((deep, deep), axis=1)
        change = image.astype(np.int32) - before
        return np.clip(base + 257 * change, 0, 65535).astype(np.uint16)

    def _encoder_for(self, reader: VideoReader, *, deep: bool) -> VideoEncoder:
        try:
            return VideoEncoder(
                self._container,
                size=(reader.width * (2 if self._view == "side-by-side" else 1), reader.height),
                rate=Fraction(reader.fps or 25.0).limit_denominator(1001),
                time_base=reader.time_base,
                candidates=FILE_ENCODERS,
                colour=_colour_of(reader),
                pixel_shape=reader.pixel_shape,
                deep=deep,
                fields=reader.fields,
            )
        except RecordingError:
            if not deep:
                raise
            return self._encoder_for(reader, deep=False)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(self._target, error) from error
        except av.FFmpegError as error:
            raise OutputError(f"{self._target} cannot be written ({reason(error)}).", "Try the suffix .mkv.") from error


def _losses(reader: VideoReader, encoder: VideoEncoder) -> list[str]:
    """What of the pictures H.264 does not keep."""
    kept_bits = 10 if encoder.deep else 8
    losses = []
    if reader.bits > kept_bits:
        losses.append(f"its {reader.bits} bits a colour became {kept_bits}")
    if reader.subsampling not in ("4:2:0", "4:1:1"):
        losses.append(f"its colours, stored at {reader.subsampling}, became 4:2:0")
    if reader.has_alpha:
        losses.append("its transparency was left out")
    if reader.fields and not encoder.interlaced:
        losses.append("it is interlaced and was marked progressive")
    return losses


def _colour_of(reader: VideoReader) -> ColourTags:
    """The colours of `reader`'s film for the film that is made of it. What is not YCbCr becomes BT.709."""
    color_range = ColorRange.JPEG if reader.color_range == ColorRange.JPEG else ColorRange.MPEG
    if reader.colorspace not in (*_TAGGED_MATRICES, UNSPECIFIED):
        return ColourTags()
    return ColourTags(
        matrix=matrix_of(reader.colorspace, reader.coded_height),
        color_range=color_range,
        matrix_tag=reader.colorspace,
        primaries_tag=reader.color_primaries,
        transfer_tag=reader.color_trc,
    )
