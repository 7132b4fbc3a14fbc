"""Network streams: MJPEG over HTTP by an own reader, RTSP and the rest through FFmpeg, every wait with a time-out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

import av
import cv2
import numpy as np

from app.core.errors import SourceOfflineError, StreamOpenError
from app.core.settings import Settings
from app.core.types import Image
from app.media.colour import BgrConverter
from app.media.files import reason
from app.sources.address import without_login
from app.sources.base import SourceInfo, SourceKind, SourceSpec
from app.sources.guarded import LiveSource
from app.sources.mjpeg import MjpegReader, NotMjpegError

_DAMAGED_IN_A_ROW = 30
_SCHEMES = frozenset({"http", "https", "rtsp", "rtsps", "rtmp", "udp", "tcp", "srt"})


class _Pictures(Protocol):
    fps: float
    has_audio: bool

    def next(self) -> Image: ...


class StreamSource(LiveSource):
    """The stream at `url`. `open` takes at most `open_timeout_s` a connection, `read` at most `read_timeout_s`."""

    def __init__(
        self,
        url: str,
        *,
        open_timeout_s: float = 6.0,
        read_timeout_s: float = 4.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(clock)
        self._url = url
        self._shown = without_login(url)
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._mjpeg: MjpegReader | None = None
        self._pictures: _Pictures | None = None

    def close(self) -> None:
        if self._mjpeg is not None:
            # A socket, unlike a demuxer, may be shut under a waiting read, and that is what wakes it.
            self._mjpeg.close()
        super().close()

    def _begin(self) -> tuple[tuple[Image, float], SourceInfo]:
        self._pictures = pictures = self._connect()
        try:
            image = pictures.next()
        except SourceOfflineError as error:
            raise StreamOpenError(f"{self._shown} answers but gives no picture: {error.what}", error.hint) from error
        t_capture = self._clock()
        height, width = image.shape[:2]
        info = SourceInfo(
            name=urlsplit(self._url).hostname or self._url,
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
        if urlsplit(self._url).scheme in ("http", "https"):
            reader = MjpegReader(
                self._url, open_timeout_s=self._open_timeout_s, read_timeout_s=self._read_timeout_s, clock=self._clock
            )
            self._guard.owns(reader.close)
            self._mjpeg = reader
            try:
                reader.open()
                return _MjpegPictures(reader, url=self._url)
            except NotMjpegError as error:
                if error.content_type.startswith("text/html"):
                    raise StreamOpenError(
                        f"{self._shown} is a web page, not a stream.",
                        "Look in the camera's manual for its stream address.",
                    ) from error
                reader.close()
        pictures = _FfmpegPictures(self._url, open_timeout_s=self._open_timeout_s, read_timeout_s=self._read_timeout_s)
        self._guard.owns(pictures.close)
        return pictures


class _MjpegPictures:
    def __init__(self, reader: MjpegReader, *, url: str) -> None:
        self._reader = reader
        self._shown = without_login(url)
        self.fps = 0.0
        self.has_audio = False

    def next(self) -> Image:
        for _ in range(_DAMAGED_IN_A_ROW):
            jpeg = np.frombuffer(self._reader.read_jpeg(), np.uint8)
            image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR) if jpeg.size else None
            if image is not None:
                return np.asarray(image, np.uint8)
        raise SourceOfflineError(f"The stream {self._shown} sends damaged pictures only.", "It is tried again.")


class _FfmpegPictures:
    def __init__(self, url: str, *, open_timeout_s: float, read_timeout_s: float) -> None:
        self._shown = without_login(url)
        options = {"flags": "low_delay"}
        if urlsplit(url).scheme in ("rtsp", "rtsps"):
            options["rtsp_transport"] = "tcp"
        try:
            self._container = av.open(url, "r", options=options, timeout=(open_timeout_s, read_timeout_s))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise StreamOpenError(
                f"{self._shown} cannot be opened ({reason(error)}).",
                "Check the address, and that the camera is on and in the same network.",
            ) from error
        if not self._container.streams.video:
            self._container.close()
            raise StreamOpenError(f"{self._shown} has no pictures in it.", "Choose another stream.")
        stream = self._container.streams.video[0]
        # Frame threads would hold back one picture each.
        stream.thread_type = "SLICE"
        self.fps = float(stream.average_rate or 0.0)
        self.has_audio = bool(self._container.streams.audio)
        self._converter = BgrConverter()
        self._frames = self._decode(stream)

    def next(self) -> Image:
        try:
            return next(self._frames)
        except StopIteration:
            raise SourceOfflineError(f"The stream {self._shown} ended.", "It is tried again.") from None
        except (av.FFmpegError, OSError) as error:
            raise SourceOfflineError(
                f"The stream {self._shown} stopped ({reason(error)}).", "It is tried again."
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


def _match(text: str, settings: Settings) -> SourceSpec | None:
    if "://" not in text or urlsplit(text).scheme.lower() not in _SCHEMES:
        return None
    urlsplit(text).port  # noqa: B018  (raises ValueError for a port that is no number)
    return SourceSpec(kind=STREAM, address=text)


def _make(spec: SourceSpec) -> StreamSource:
    return StreamSource(spec.address)


STREAM = SourceKind(name="stream", label="Network stream", icon="stream", match=_match, make=_make, live=True)
