"""The video that is being written: pictures that are encoded here or were already, and everything beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from app.core.errors import OutputError, RecordingError
from app.core.types import Restored
from app.core.words import Phrase, phrase, phrase_n
from app.faces.pasting import changed_rectangle
from app.media.files import NewFile, ffmpeg_name, output_error, permissions_of, reason
from app.media.pictures.enlarge import enlarge, expect_affordable_result
from app.media.videos.colour import UNSPECIFIED, matrix_of
from app.media.videos.encoder import ColourTags, Origin, VideoEncoder
from app.media.videos.encoder_choices import FILE_ENCODERS, USUAL
from app.media.videos.suffixes import FORMATS
from app.media.videos.tracks import OtherTracks, container_options, keep_description
from app.media.videos.video_reader import MediaPacket, VideoPicture, VideoReader
from app.outputs.compose import compose

_TAGGED_MATRICES = (1, 5, 6, 7, 9)
_TAG_OF_UNTAGGED = {Colorspace.ITU709: 1, Colorspace.ITU601: 6}


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """How restored videos are written: `scale` times as large, with the original at the left if `side_by_side`.

    `encoder` is a name in FILE_ENCODERS; decoder and encoder have `threads` each, 0 for as many as there are cores.
    """

    side_by_side: bool = False
    scale: int = 1
    encoder: str = USUAL
    threads: int = 0


class VideoOutput:
    """A video being written, under a name of its own until it is whole. Raises OutputError.

    It is like the one that `reader` reads: with `with_tracks` its sound and everything else beside the pictures goes
    in too. Its pictures are encoded by `write`; or, `like` a stream that is
    encoded already, they come as packets to `copy`.
    """

    def __init__(
        self,
        target: Path,
        reader: VideoReader,
        *,
        options: VideoOptions | None = None,
        overwrite: bool = False,
        with_tracks: bool = True,
        like: VideoStream | None = None,
    ) -> None:
        self._target = target
        self._reader = reader
        self._options = options = options or VideoOptions()
        self._view = "side-by-side" if options.side_by_side else "restored"
        self._scale = options.scale
        self.frames = 0
        self.duration_s = 0.0
        self._file = NewFile(target, overwrite=overwrite, permissions=permissions_of(reader.path))
        with contextlib.ExitStack() as undo:
            undo.callback(self._file.discard)
            with self._writing():
                kind = FORMATS[target.suffix.lower()]
                growing = with_tracks and like is None
                # FFmpeg cuts an MP4 in fragments off at the end of the last one, and a picture that is coded before
                # others and shown after them may lie in the one before.
                self._in_order = growing and kind != "matroska"
                muxing = container_options(reader.container, kind, growing=growing, from_zero=with_tracks)
                self._container = av.open(ffmpeg_name(self._file.part), "w", format=kind, options=muxing)
            undo.callback(self._container.close)  # first: Windows deletes no file that is open
            self.notes: list[Phrase] = []
            self._encoder: VideoEncoder | None = None
            self._tracks: OtherTracks | None = None
            with self._writing():
                if like is None:
                    self._encoder = self._encoder_for(reader, deep=reader.bits > 8)
                    self.notes += _losses(reader, self._encoder)
                    stream = self._encoder.stream
                else:
                    stream = self._copy = self._like(like, reader)
                keep_description(reader.stream, stream)
                if with_tracks:
                    self._tracks = OtherTracks(reader.container, reader.stream, self._container, kind)
                    self.notes += self._tracks.notes
            undo.pop_all()

    def write(self, restored: Restored, picture: VideoPicture, *, offset: int = 0) -> None:
        """Encode what became of `picture`, at its time stamp less `offset` ticks."""
        assert self._encoder is not None
        image, origin = self._composed(restored, picture.deep), self._origin(restored, picture)
        with self._writing():
            packets = self._encoder.encode(image, picture.pts - offset, duration=picture.duration, origin=origin)
            self._container.mux(packets)
        self.frames += 1
        self.duration_s = restored.frame.t_media + float(picture.duration * picture.time_base)

    def copy(self, packet: av.Packet[VideoStream]) -> None:
        """Write a packet of pictures that are encoded already."""
        packet.stream = self._copy
        with self._writing():
            self._container.mux(packet)
        self.frames += 1

    def write_other(self, packet: MediaPacket) -> None:
        """Write a packet of the reader's other streams."""
        if self._tracks is not None:
            with self._writing():
                self._tracks.write(packet)

    def close(self) -> None:
        """Write what is still held back; after it `notes` are complete."""
        if self._encoder is not None and self._reader.lost_beside:
            lost = sorted(self._reader.lost_beside, key=lambda each: each.template)
            self.notes += [phrase("left out: {parts}", parts=each) for each in lost]
        if self._reader.damaged_places:
            self.notes.append(
                phrase_n(
                    "it is damaged in one place, where pictures may be spoilt or missing",
                    "it is damaged in {n} places, where pictures may be spoilt or missing",
                    self._reader.damaged_places,
                )
            )
        with self._writing():
            if self._encoder is not None:
                self._container.mux(self._encoder.flush())
            if self._tracks is not None:
                self._tracks.finish()
                self.notes += self._tracks.cut_short
            self._container.close()

    def take_name(self, path: Path | None = None) -> None:
        """The closed video gets its target's name, or the name `path`."""
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
        if deep is None or self._encoder is None or not self._encoder.deep:
            return image
        before = compose(replace(restored, image=restored.frame.image), self._view, 0.5)
        deep = enlarge(deep, self._scale)
        base = deep if deep.shape == image.shape else np.concatenate((deep, deep), axis=1)
        change = image.astype(np.int32) - before
        return np.clip(base + 257 * change, 0, 65535).astype(np.uint16)

    def _origin(self, restored: Restored, picture: VideoPicture) -> Origin | None:
        """The decoded frame, whose samples are kept outside the faces; None if the whole picture may be another one."""
        changed = changed_rectangle(restored)
        same = changed is not None or restored.image is restored.frame.image
        if picture.coded is None or restored.frame.image is not picture.image or self._view != "restored" or not same:
            return None
        return Origin(frame=picture.coded, changed=changed)

    def _like(self, stream: VideoStream, reader: VideoReader) -> VideoStream:
        """A stream for the packets of `stream`. Its file may not have had a place for the colours."""
        copy = self._container.add_stream_from_template(stream)
        copy.time_base = reader.time_base
        colour = _colour_of(reader, stream.height)
        context = copy.codec_context
        context.framerate = Fraction(reader.fps or 25.0).limit_denominator(1001)  # Matroska states it
        context.color_range, context.colorspace = int(colour.color_range), colour.matrix_tag
        context.color_primaries, context.color_trc = colour.primaries_tag, colour.transfer_tag
        return copy

    def _encoder_for(self, reader: VideoReader, *, deep: bool) -> VideoEncoder:
        sides = 2 if self._view == "side-by-side" else 1
        width, height = size = reader.width * self._scale * sides, reader.height * self._scale
        if self._scale > 1:
            expect_affordable_result(size, str(self._target))
        try:
            return VideoEncoder(
                self._container,
                size=size,
                rate=Fraction(reader.fps or 25.0).limit_denominator(1001),
                time_base=reader.time_base,
                candidates=FILE_ENCODERS[self._options.encoder],
                colour=_colour_of(reader, height + height % 2),  # the encoder makes it even
                pixel_shape=reader.pixel_shape,
                threads=self._options.threads,
                deep=deep,
                fields=reader.fields if self._scale == 1 else "",  # enlarged lines belong to no field
                hdr10=reader.hdr10,
                in_order=self._in_order,
            )
        except RecordingError as error:
            if deep:
                return self._encoder_for(reader, deep=False)
            if self._options.encoder != USUAL:
                raise OutputError(
                    "The encoder {encoder} cannot be used here for {width}x{height} pixels.",
                    "This machine, its driver or this FFmpeg lacks it; leave --encoder out to take x264.",
                    encoder=self._options.encoder,
                    width=width,
                    height=height,
                ) from error
            if self._scale == 1:
                raise
            raise OutputError(
                "{target} would have {width}x{height} pixels, more than any encoder here takes.",
                "Choose a smaller --scale.",
                target=self._target,
                width=width,
                height=height,
            ) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise output_error(self._target, error) from error
        except av.FFmpegError as error:
            raise OutputError(
                "{target} cannot be written ({reason}).",
                "Try the suffix .mkv.",
                target=self._target,
                reason=reason(error),
            ) from error


def _losses(reader: VideoReader, encoder: VideoEncoder) -> list[Phrase]:
    """What of the pictures H.264 does not keep."""
    kept_bits = 10 if encoder.deep else 8
    losses = []
    if reader.bits > kept_bits:
        losses.append(phrase("its {bits} bits a colour became {kept}", bits=reader.bits, kept=kept_bits))
    if reader.subsampling not in ("4:2:0", "4:1:1"):
        losses.append(phrase("its colours, stored at {sampling}, became 4:2:0", sampling=reader.subsampling))
    if reader.has_alpha:
        losses.append(phrase("its transparency was left out"))
    if reader.fields and not encoder.interlaced:
        losses.append(phrase("it is interlaced and was marked progressive"))
    if reader.hdr10 and not encoder.keeps_hdr10:
        losses.append(phrase("its HDR10 description (mastering display, light levels) was left out"))
    return losses


def _colour_of(reader: VideoReader, height: int) -> ColourTags:
    """The colours of `reader`'s video for the one of `height` lines made of it. What is not YCbCr becomes BT.709."""
    color_range = ColorRange.JPEG if reader.color_range == ColorRange.JPEG else ColorRange.MPEG
    if reader.colorspace not in (*_TAGGED_MATRICES, UNSPECIFIED):
        return ColourTags()
    matrix, tag = matrix_of(reader.colorspace, reader.coded_height), reader.colorspace
    if matrix_of(tag, height) != matrix:  # untagged, it would be taken for what its height suggests
        tag = _TAG_OF_UNTAGGED[matrix]
    return ColourTags(
        matrix=matrix,
        color_range=color_range,
        matrix_tag=tag,
        primaries_tag=reader.color_primaries,
        transfer_tag=reader.color_trc,
    )
