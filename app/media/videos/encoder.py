"""Encoding pictures as H.264: the choice of the encoder, odd and changing sizes, and correct colour tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from app.core.errors import RecordingError
from app.core.types import Rectangle
from app.core.words import phrase
from app.media.videos.colour import DEEP_PIXELS, YuvConverter, matrix_of
from app.media.videos.encoder_choices import LARGE_PIXELS, PIXELS, X264_ONE_PICTURE, EncoderChoice

_LONGEST_SIDE = 16384
"""The most pixels that x264 takes across or down."""


@dataclass(frozen=True, kw_only=True)
class ColourTags:
    """How a video's pictures are coded: the matrix and range used, and the tags for players (FFmpeg's numbers)."""

    matrix: Colorspace = Colorspace.ITU709
    color_range: ColorRange = ColorRange.MPEG
    matrix_tag: int = 1
    primaries_tag: int = 1
    transfer_tag: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Origin:
    """The decoded `frame` that a picture was made from, which it resembles but in `changed`; None for nowhere."""

    frame: av.VideoFrame
    changed: Rectangle | None


def choose_encoder(
    candidates: Sequence[EncoderChoice], *, width: int, height: int, time_base: Fraction, deep: bool = False
) -> EncoderChoice:
    """Return the first of `candidates` that FFmpeg has and that opens with these parameters. Raises RecordingError.

    With `deep` it has to take DEEP_PIXELS.
    """
    for choice in candidates:
        try:
            context = cast(VideoCodecContext, av.CodecContext.create(choice.name, "w"))
            context.width, context.height, context.pix_fmt = width, height, DEEP_PIXELS if deep else choice.pixels
            context.time_base = time_base
            context.options = dict(choice.options)
            context.open()
        except (av.FFmpegError, ValueError, OSError):
            continue
        return choice
    if max(width, height) > _LONGEST_SIDE:
        hint = phrase("Choose a smaller view or scale.")
    else:
        names = ", ".join(choice.name for choice in candidates)
        hint = phrase("Tried: {names}. Reinstall the package av.", names=names)
    raise RecordingError("No encoder for {width}x{height} works here.", hint, width=width, height=height)


class VideoEncoder:
    """A video stream of `container`. Pictures of another size than `size` (width, height) are fitted into it.

    An odd size becomes even by repeating the last row or column, which 4:2:0 needs. With `deep` the pictures are uint16
    and 10 bits are kept. `fields` is "tff" or "bff" for interlaced pictures whose top or bottom field comes first,
    `hdr10` a description as `hdr10_parameters` gives it; both are kept by x264 alone, as `interlaced` and `keeps_hdr10`
    say. Pictures that are coded `in_order` are coded in the order in which they are shown, without B-frames.
    """

    def __init__(
        self,
        container: OutputContainer,
        *,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        candidates: Sequence[EncoderChoice],
        colour: ColourTags | None = None,
        pixel_shape: Fraction = Fraction(1),
        key_frame_interval: int = 0,
        threads: int = 0,
        deep: bool = False,
        fields: str = "",
        hdr10: str = "",
        in_order: bool = False,
    ) -> None:
        colour = colour or ColourTags()
        self._size = size
        self._even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self.choice = choose_encoder(
            candidates, width=self._even[0], height=self._even[1], time_base=time_base, deep=deep
        )
        self._pixels = pixels = DEEP_PIXELS if deep else self.choice.pixels
        options = dict(self.choice.options)
        self.deep = deep
        by_x264 = self.choice.name == "libx264"
        self.interlaced, self.keeps_hdr10 = bool(fields) and by_x264, bool(hdr10) and by_x264
        parameters = [options["x264-params"]] if "x264-params" in options else []
        parameters += [f"{fields}=1"] if self.interlaced else []
        parameters += [hdr10] if self.keeps_hdr10 else []
        if by_x264 and self._even[0] * self._even[1] > LARGE_PIXELS:
            parameters.append(X264_ONE_PICTURE)
        if parameters:
            options["x264-params"] = ":".join(parameters)
        self.stream = cast(VideoStream, container.add_stream(self.choice.name, rate=rate, options=options))
        self.stream.width, self.stream.height = self._even
        self.stream.pix_fmt = pixels
        context = self.stream.codec_context
        context.time_base = time_base
        context.color_range = int(colour.color_range)
        context.colorspace = colour.matrix_tag
        context.color_primaries = colour.primaries_tag
        context.color_trc = colour.transfer_tag
        context.sample_aspect_ratio = pixel_shape
        context.thread_count = threads
        if key_frame_interval:
            context.gop_size = key_frame_interval
        if in_order:
            context.max_b_frames = 0
        self._time_base = time_base
        self._colour = colour
        self._last: av.VideoFrame | None = None
        self._converter = YuvConverter(matrix=colour.matrix, color_range=colour.color_range, pixels=pixels)

    def encode(
        self,
        image: NDArray[np.uint8] | NDArray[np.uint16],
        pts: int,
        *,
        duration: int = 0,
        key_frame: bool = False,
        origin: Origin | None = None,
    ) -> list[av.Packet[VideoStream]]:
        """Packets that are ready after `image`, uint8 (H, W, 3) BGR, at `pts` in units of the time base.

        With `deep` it is uint16. Where it is as in its `origin`, that one's own samples are encoded if they are coded
        as this stream's, which spares them a way to BGR and back.
        """
        if origin is not None and self._codes_like(origin.frame, image):
            frame = self._converter.convert_part(image, origin.changed, origin.frame)
        else:
            frame = self._converter.convert(fit(image, self._size, self._even))
        return self._encode(frame, pts, duration, key_frame)

    def _codes_like(self, frame: av.VideoFrame, image: NDArray[Any]) -> bool:
        """Whether the samples of `frame` could be encoded as they are, instead of `image`."""
        full = frame.format.name == "yuvj420p" or frame.color_range == ColorRange.JPEG
        return (
            frame.format.name in ("yuv420p", "yuvj420p")
            and self._pixels == PIXELS
            and (frame.width, frame.height) == self._size == self._even == image.shape[1::-1]
            and matrix_of(frame.colorspace, frame.height) == self._colour.matrix
            and full == (self._colour.color_range == ColorRange.JPEG)
        )

    def repeat(self, pts: int, *, duration: int = 0, key_frame: bool = False) -> list[av.Packet[VideoStream]]:
        """Encode the last picture again without converting it; returns no packets before the first picture."""
        return self._encode(self._last, pts, duration, key_frame) if self._last is not None else []

    def _encode(self, frame: av.VideoFrame, pts: int, duration: int, key_frame: bool) -> list[av.Packet[VideoStream]]:
        self._last = frame
        frame.pts, frame.time_base = pts, self._time_base
        frame.duration = duration
        frame.pict_type = PictureType.I if key_frame else PictureType.NONE
        frame.color_range = int(self._colour.color_range)
        frame.colorspace = self._colour.matrix_tag
        return list(self.stream.encode(frame))

    def flush(self) -> list[av.Packet[VideoStream]]:
        return list(self.stream.encode(None))


def fit(image: NDArray[Any], size: tuple[int, int], even: tuple[int, int]) -> NDArray[Any]:
    """Scale `image` into `size` (width, height) with black bars where the shape differs, padded to `even`."""
    height, width = image.shape[:2]
    if (width, height) != size:
        scale = min(size[0] / width, size[1] / height)
        inner = (max(round(width * scale), 1), max(round(height * scale), 1))
        scaled = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas = np.zeros((size[1], size[0], 3), image.dtype)
        canvas[top : top + inner[1], left : left + inner[0]] = scaled
        image = canvas
    if size != even:
        edges = (0, even[1] - size[1], 0, even[0] - size[0])
        image = cv2.copyMakeBorder(image, *edges, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(image)
