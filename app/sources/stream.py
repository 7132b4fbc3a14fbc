"""Network streams: MJPEG over HTTP by `MjpegReader`, RTSP and others through FFmpeg, every wait with a time-out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

import av
import cv2
import numpy as np

from app.core.address import StreamAddress
from app.core.errors import SourceOfflineError, StreamOpenError
from app.core.settings import Settings
from app.core.types import Image
from app.core.words import phrase
from app.media.files import reason
from app.media.pictures.picture_size import jpeg_size
from app.media.videos.colour import BgrConverter
from app.media.videos.tracks import main_video
from app.sources.base import SourceInfo, SourceKind, SourceSpec
from app.sources.guarded import LiveSource
from app.sources.mjpeg import MjpegReader, NotMjpegError
from app.sources.rtsp import expect_no_redirect
from app.sources.tls import certificate_file

_DAMAGED_IN_A_ROW = 30
MAX_FRAME_PIXELS = 40_000_000
"""The most pixels of a picture: more than 8K has."""

_PROTOCOLS = {
    "http": ("http", "tcp"),
    "https": ("https", "tls", "tcp"),
    "rtsp": ("rtsp", "rtp", "tcp", "udp"),
    "rtsps": ("rtsps", "rtsp", "rtp", "tls", "tcp"),
    "rtmp": ("rtmp", "tcp"),
    "udp": ("udp",),
    "tcp": ("tcp",),
}
"""Scheme of an address -> the protocols that FFmpeg may use for it. None of them reads files."""

_RTSP = ("rtsp",)
_LIVE_FORMATS = ("mpegts", "mpjpeg", "mjpeg", "flv", "matroska", "mov", "h264", "hevc", "mpeg", "ogg", "nut", "avi")
"""FFmpeg's formats that a stream may have. No playlists, which would contact other hosts."""


class _Pictures(Protocol):
    fps: float
    has_audio: bool

    def next(self) -> Image: ...


class StreamSource(LiveSource):
    """The stream at `url`. `open` takes at most `open_timeout_s` a connection, `read` at most `read_timeout_s`."""

    def __init__(
        self,
        url: str | StreamAddress,
        *,
        open_timeout_s: float = 6.0,
        read_timeout_s: float = 4.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(clock)
        self._address = url if isinstance(url, StreamAddress) else StreamAddress(url)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._mjpeg: MjpegReader | None = None
        self._pictures: _Pictures | None = None

    def close(self) -> None:
        super().close()  # first, so that a read that ends now is not taken for one that failed
        if self._mjpeg is not None:
            # A socket, unlike a demuxer, may be shut down during a read, which ends that read.
            self._mjpeg.close()

    def _begin(self) -> tuple[tuple[Image, float], SourceInfo]:
        self._pictures = pictures = self._connect()
        try:
            image = pictures.next()
        except SourceOfflineError as error:
            raise StreamOpenError(
                "{address} answers but gives no picture: {what}",
                error.hint_phrase,
                address=self._address,
                what=error.what_phrase,
            ) from error
        t_capture = self._clock()
        height, width = image.shape[:2]
        info = SourceInfo(
            name=self._address.host,
            kind=STREAM,
            width=width,
            height=height,
            fps=pictures.fps,
            has_audio=pictures.has_audio,
        )
        return (image, t_capture), info

    def _next(self) -> tuple[Image, float]:
        assert self._pictures is not None
        return self._pictures.next(), self._clock()

    def _connect(self) -> _Pictures:
        place = self._address
        if place.lacks_secrets:
            raise StreamOpenError(
                "{address} asks for a name and a password.", "Write them in place of the dots.", address=place
            )
        if place.scheme in ("http", "https"):
            reader = MjpegReader(
                place, open_timeout_s=self._open_timeout_s, read_timeout_s=self._read_timeout_s, clock=self._clock
            )
            self._guard.owns(reader.close)
            self._mjpeg = reader
            try:
                reader.open()
                return _MjpegPictures(reader, place)
            except NotMjpegError as error:
                if error.content_type.startswith("text/html"):
                    raise StreamOpenError(
                        "{place} is a web page, not a stream.",
                        "Look in the camera's manual for its stream address.",
                        place=place,
                    ) from error
                reader.close()
                place = reader.place
        elif place.scheme in ("rtsp", "rtsps"):
            expect_no_redirect(place, timeout_s=self._open_timeout_s)
        pictures = _FfmpegPictures(place, open_timeout_s=self._open_timeout_s, read_timeout_s=self._read_timeout_s)
        self._guard.owns(pictures.close)
        return pictures


class _MjpegPictures:
    def __init__(self, reader: MjpegReader, address: StreamAddress) -> None:
        self._reader = reader
        self._address = address
        self.fps = 0.0
        self.has_audio = False

    def next(self) -> Image:
        for _ in range(_DAMAGED_IN_A_ROW):
            data = self._reader.read_jpeg()
            if (width_height := jpeg_size(data)) is None:  # nor anything else that OpenCV would decode
                continue
            if width_height[0] * width_height[1] > MAX_FRAME_PIXELS:
                raise SourceOfflineError(
                    "{address} sends pictures of {width}x{height}, more than {limit} megapixels.",
                    "Set the camera to a smaller size.",
                    address=self._address,
                    width=width_height[0],
                    height=width_height[1],
                    limit=MAX_FRAME_PIXELS // 1000000,
                )
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return np.asarray(image, np.uint8)
        raise SourceOfflineError(
            "The stream {address} sends damaged pictures only.", "It is tried again.", address=self._address
        )


class _FfmpegPictures:
    def __init__(self, address: StreamAddress, *, open_timeout_s: float, read_timeout_s: float) -> None:
        self._address = address
        try:
            self._container = av.open(
                address.revealed(), "r", options=_options(address), timeout=(open_timeout_s, read_timeout_s)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise StreamOpenError(
                "{address} cannot be opened ({reason}).",
                "Check the address, and that the camera is on and in the same network.",
                address=address,
                reason=reason(error),
            ) from error
        stream = main_video(self._container)
        if stream is None:
            self._container.close()
            raise StreamOpenError("{address} has no pictures in it.", "Choose another stream.", address=self._address)
        if stream.width * stream.height > MAX_FRAME_PIXELS:
            self._container.close()
            raise StreamOpenError(
                "{address} sends pictures of {width}x{height}, more than {limit} megapixels.",
                "Set the camera to a smaller size.",
                address=self._address,
                width=stream.width,
                height=stream.height,
                limit=MAX_FRAME_PIXELS // 1000000,
            )
        stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        # Each frame thread would delay the stream by one picture.
        stream.thread_type = "SLICE"
        self.fps = float(stream.average_rate or 0.0)
        self.has_audio = bool(self._container.streams.audio)
        self._converter = BgrConverter()
        self._frames = self._decode(stream)

    def next(self) -> Image:
        try:
            return next(self._frames)
        except StopIteration:
            raise SourceOfflineError(
                "The stream {address} ended.", "It is tried again.", address=self._address
            ) from None
        except (av.FFmpegError, OSError) as error:
            raise SourceOfflineError(
                "The stream {address} stopped ({reason}).",
                "It is tried again.",
                address=self._address,
                reason=reason(error),
            ) from error

    def close(self) -> None:
        self._container.close()

    def _decode(self, stream: av.VideoStream) -> Iterator[Image]:
        damaged = 0
        for packet in self._container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                # A lost network packet damages pictures until the next key frame; the stream itself goes on.
                damaged += 1
                if damaged > _DAMAGED_IN_A_ROW:
                    raise
                continue
            for frame in frames:
                damaged = 0
                yield self._converter.convert(frame)


def _options(address: StreamAddress) -> dict[str, str]:
    """Return FFmpeg's options for an address: its protocol, live formats only, no redirects, a verified server."""
    secure = address.scheme in ("https", "rtsps")
    options = {
        "flags": "low_delay",
        "protocol_whitelist": ",".join(_PROTOCOLS[address.scheme]),
        "format_whitelist": ",".join(_RTSP if address.scheme in ("rtsp", "rtsps") else _LIVE_FORMATS),
        "max_redirects": "0",
    }
    if address.scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"
    if secure and not address.insecure:
        options |= {"tls_verify": "1", "ca_file": certificate_file()}
    return options


def _match(text: str, settings: Settings) -> SourceSpec | None:
    if "://" not in text or text.partition("://")[0].lower() not in _PROTOCOLS:
        return None
    return SourceSpec(kind=STREAM, address=StreamAddress(text).text)


def _make(spec: SourceSpec) -> StreamSource:
    return StreamSource(spec.address)


STREAM = SourceKind(name="stream", label=phrase("Network stream"), icon="stream", match=_match, make=_make, live=True)
