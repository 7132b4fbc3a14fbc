"""Restoring a video file: every frame with its exact time stamp, the sound copied untouched."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange

from app.core.errors import OutputError, UnreadableMediaError
from app.core.types import Frame, Restored
from app.media.colour import UNSPECIFIED, matrix_of
from app.media.encoder import FILE_ENCODERS, ColourTags, VideoEncoder
from app.media.files import NewFile, ffmpeg_name, free_name, output_error, permissions_of, reason
from app.media.video_reader import MediaPacket, VideoPicture, VideoReader
from app.outputs.compose import compose

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes that a restored video can have, and FFmpeg's names. Matroska rounds time stamps to its millisecond."""

_TAGGED_MATRICES = (1, 5, 6, 7, 9)

Process = Callable[[Frame], Restored]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class TranscodeResult:
    """What was written: `path` is None when it was cancelled, and then nothing is left."""

    path: Path | None
    frames: int
    duration_s: float
    cancelled: bool = False


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

    A film that is turned by its metadata is written upright; its colour matrix, range and tags are kept. `progress`
    is told the frames done and how many there are (None when nobody knows), `cancel` is asked before every frame.
    `target` appears only when everything is in it and `before_naming`, called last, does not raise. It has the
    permissions of `source` and replaces a file only with `overwrite`.

    Raises UnreadableMediaError for what cannot be decoded, OutputError for what cannot be written, and whatever
    `process` raises. A film that breaks off is restored up to there and kept as NAME.incomplete (or the first of
    NAME.incomplete-2 and so on that is free), which the error names.
    """
    if target.suffix.lower() not in FORMATS:
        raise OutputError(f"{target} has no suffix of a film.", "Use one of " + ", ".join(FORMATS) + ".")
    reader = VideoReader(source)
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
    return TranscodeResult(path=target, frames=output.frames, duration_s=output.duration_s)


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
            self._encoder = VideoEncoder(
                self._container,
                size=(reader.width * (2 if side_by_side else 1), reader.height),
                rate=Fraction(reader.fps or 25.0).limit_denominator(1001),
                time_base=reader.time_base,
                candidates=FILE_ENCODERS,
                colour=_colour_of(reader),
                pixel_shape=reader.pixel_shape,
            )
            self._sounds = {stream.index: self._sound_like(stream) for stream in reader.container.streams.audio}
            self._container.metadata.update(reader.container.metadata)
            undo.pop_all()

    def fill(self, process: Process, progress: Progress | None, cancel: Callable[[], bool] | None) -> bool:
        """Everything the reader gives. False when it was cancelled."""
        reader = self._reader
        total = reader.frame_count or (round(reader.duration_s * reader.fps) if reader.duration_s else 0) or None
        for item in reader.items(other_streams=True):
            if not isinstance(item, VideoPicture):
                self._copy(item)
                continue
            if cancel is not None and cancel():
                return False
            t_media = float((item.pts - reader.first_pts) * item.time_base)
            frame = Frame(image=item.image, index=self.frames, t_capture=time.perf_counter(), t_media=t_media)
            image = compose(process(frame), self._view, 0.5)
            with self._writing():
                self._container.mux(self._encoder.encode(image, item.pts, duration=item.duration))
            self.frames += 1
            self.duration_s = t_media + float(item.duration * item.time_base)
            if progress is not None:
                progress(self.frames, total)
        return True

    def close(self) -> None:
        with self._writing():
            self._container.mux(self._encoder.flush())
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

    def _copy(self, packet: MediaPacket) -> None:
        sound = self._sounds.get(packet.stream.index)
        if sound is not None and packet.dts is not None:
            packet.stream = sound
            with self._writing():
                self._container.mux(packet)

    def _sound_like(self, stream: AudioStream) -> AudioStream:
        codec = stream.codec_context.name
        try:
            sound = self._container.add_stream_from_template(stream)
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"The sound of {self._reader.path} ({codec}) does not fit into {self._target.suffix}.",
                "Name the output .mkv, which takes every kind.",
            ) from error
        sound.metadata.update(stream.metadata)
        return sound

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(self._target, error) from error
        except av.FFmpegError as error:
            raise OutputError(f"{self._target} cannot be written ({reason(error)}).", "Try the suffix .mkv.") from error


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
