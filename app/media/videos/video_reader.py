"""Reading video files with PyAV: upright BGR pictures with exact time stamps, and named errors for damage.

Playing a file and restoring a file share this reader, so both see the same pixels.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.format import VideoFormat
from av.video.stream import VideoStream
from numpy.typing import NDArray

from app.core.errors import UnreadableMediaError
from app.core.types import Image
from app.core.words import Phrase, phrase, with_values
from app.media.files import reason, unreadable
from app.media.videos.colour import BgrConverter, is_upright, quarter_turns
from app.media.videos.containers import expect_affordable_video, open_video
from app.media.videos.encoder_choices import LARGE_PIXELS
from app.media.videos.side_data import hdr10_parameters, lost_with
from app.media.videos.timeline import Timeline
from app.media.videos.tracks import BROADCASTS, DISCARD_ALL, main_video

MediaPacket: TypeAlias = "av.Packet[Stream]"

_SHORTFALL_S = 0.3
_SHORTFALL_NOTED_S = 1.0
_STEPS_BACK_S = (0.0, 2.0, 10.0)
_NARROWEST = Fraction(1, 4)
"""The narrowest pixels, wide for their height, that are believed."""

_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")

_BOTTOM_FIRST = (3, 4)
"""FFmpeg's field orders that show the bottom field first: AV_FIELD_BB and AV_FIELD_TB."""


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoPicture:
    """One decoded picture: `image` uint8 (H, W, 3) BGR upright, its time stamp `pts` in units of `time_base`.

    `duration` is in the same units, 0 when the file does not say. `deep` is the same picture as uint16, 0 to 65535, of
    a video that has more than eight bits, when it was asked for. `coded` is the decoder's own frame, None for a picture
    that had to be turned or flipped.
    """

    image: Image
    pts: int
    duration: int
    time_base: Fraction
    deep: NDArray[np.uint16] | None = None
    coded: av.VideoFrame | None = None


class VideoReader:
    """An open video file. Raises UnreadableMediaError when it is not a video, and on reading when it is truncated.

    Broadcasts (MPEG-TS and PS) go on after damage, as far as the decoder does: `damaged_places` counts what was found
    so far. Where their clock changes, the time stamps go on from those before.

    `width` and `height` are those of the upright picture, `pixel_shape` is how wide its pixels are for their height.
    Colour tags are FFmpeg's numbers. `frame_count` and `duration_s`, of the pictures and the sound, are None when the
    file does not say. `bits` is the depth of a sample, `subsampling` how coarse the colours are (such as "4:2:0"),
    `fields` "tff" or "bff" when the pictures are interlaced, `hdr10` the description of its HDR10 as x264 takes it.
    `lost_beside` names what was found so far beside the pixels that no restored picture will have. `with_depth` yields
    full depth as well. The decoder has `threads` threads, 0 for as many as there are cores.
    """

    def __init__(self, path: Path, *, with_depth: bool = False, threads: int = 0) -> None:
        self.path = path
        self._threads = threads
        self.container, self.stream = self._open()
        self.time_base = self.stream.time_base or Fraction(1, 90000)
        rate = self.stream.average_rate or self.stream.guessed_rate
        self.fps = float(rate) if rate else 0.0
        self.has_audio = bool(self.container.streams.audio)
        self.frame_count = _frame_count(self.container, self.stream)
        self.duration_s = _duration_s(self.container)
        self._is_broadcast = self.container.format.name in BROADCASTS
        self._converter = BgrConverter()
        self.damaged_places = 0
        self._is_whole = True
        self._timeline = Timeline(self.stream)
        self._packets = 0
        self._end_s = self._pictures_end_s = 0.0
        self._last_pts: int | None = None
        self._raw = self._decode()
        self._ahead: deque[av.VideoFrame | MediaPacket] = deque()
        try:
            first = self._peek_frame()
        except UnreadableMediaError:
            self.container.close()
            raise
        self.rotation = first.rotation
        turned = quarter_turns(self.rotation) % 2
        self.width, self.height = (first.height, first.width) if turned else (first.width, first.height)
        self.coded_height = first.height
        self.colorspace, self.color_range = int(first.colorspace), int(first.color_range)
        self.color_primaries, self.color_trc = int(first.color_primaries), int(first.color_trc)
        shape = self.stream.sample_aspect_ratio or Fraction(1)
        if not _NARROWEST <= shape <= 1 / _NARROWEST:  # nothing that a camera or a broadcast has
            shape = Fraction(1)
        self.pixel_shape = 1 / shape if turned and shape else shape
        self.bits = first.format.components[0].bits
        self.has_alpha = any(component.is_alpha for component in first.format.components)
        self.subsampling = _subsampling(first.format)
        self.fields = _fields(first, self.stream)
        self.hdr10 = hdr10_parameters(first)
        self.lost_beside: set[Phrase] = set()
        self._deep = with_depth and self.bits > 8
        self.first_pts = first.pts if first.pts is not None else 0

    def items(self, *, other_streams: bool = False, start: int | None = None) -> Iterator[VideoPicture | MediaPacket]:
        """Yield every picture from the current position; with `other_streams` also the other packets, in file order.

        Pictures before the time stamp `start` are decoded, as later ones depend on them, but not yielded.
        Raises UnreadableMediaError where the file is damaged or truncated, after yielding every picture before that.
        """
        while (item := self._ahead.popleft() if self._ahead else next(self._raw, None)) is not None:
            if isinstance(item, av.VideoFrame):
                if start is None or item.pts is None or item.pts >= start:
                    yield self._picture(item)
            elif other_streams:
                yield item

    def pictures(self, *, start: int | None = None) -> Iterator[VideoPicture]:
        """Yield `items` without the packets of other streams."""
        for item in self.items(start=start):
            if isinstance(item, VideoPicture):
                yield item

    def seek(self, seconds: float) -> None:
        """Seek to the nearest key frame that the container finds at or before `seconds` of the file's own timeline."""
        target = max(round(seconds / self.time_base), self.first_pts)
        for step_back_s in _STEPS_BACK_S:
            start = target - round(step_back_s / self.time_base)
            if start > self.first_pts and self._jump(start, target):
                return
        self.rewind()  # some containers (MPEG-TS) find no way back to their very first frame

    def key_times(self) -> list[int]:
        """Return the key frames' time stamps in ticks from the container's index. They may be decoding times."""
        return [entry.timestamp for entry in self.stream.index_entries if entry.is_keyframe]

    def rewind(self) -> None:
        """Go back to the very first packet."""
        self.container.close()
        self.container, self.stream = self._open()
        self._restart(packets=0)

    def other_packets(self) -> Iterator[MediaPacket]:
        """Yield the packets of every stream but the pictures', which are not decoded. Raises UnreadableMediaError."""
        others = [stream for stream in self.container.streams if stream is not self.stream]
        if not others:
            return
        try:
            for packet in self.container.demux(others):
                if packet.size:
                    self._note(packet)
                    yield packet
        except (av.FFmpegError, OSError) as error:
            raise self._broken(error) from error

    def shortfall(self) -> Phrase | None:
        """After the last picture, return the sign of missing ones in a container without a frame count, else None."""
        seconds = self._end_s - self._pictures_end_s
        if seconds > _SHORTFALL_NOTED_S:
            return phrase("its pictures end {seconds:.1f} s before the rest of it", seconds=seconds)
        if self._packets > 0 and self.fps and self._is_broadcast:
            span_s = self._pictures_end_s - float(self.first_pts * self.time_base)
            missing = round(span_s * self.fps) - self._packets
            if missing > max(2, 0.02 * self._packets):
                return phrase("about {count} of its pictures are missing", count=missing)
        return None

    def _jump(self, start: int, target: int) -> bool:
        """Seek to `start` (ticks). False when decoding begins after `target`, which happens without an index."""
        try:
            self.container.seek(start, stream=self.stream, backward=True)
            self._restart(packets=-1)
            first = self._peek_frame()
        except (av.FFmpegError, OSError, UnreadableMediaError):
            return False
        return first.pts is not None and first.pts <= target

    def _restart(self, *, packets: int) -> None:
        self._packets, self._end_s, self._last_pts = packets, 0.0, None
        self._timeline = Timeline(self.stream)
        self._raw = self._decode()
        self._ahead.clear()

    def close(self) -> None:
        self.container.close()

    def _open(self) -> tuple[InputContainer, VideoStream]:
        try:
            if self.path.stat().st_size == 0:
                raise UnreadableMediaError("{path} is empty.", path=self.path)
            container = open_video(self.path)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(error) from error
        stream = main_video(container)
        if stream is None:
            container.close()
            raise UnreadableMediaError("{path} has no pictures in it.", "Choose a video file.", path=self.path)
        try:
            expect_affordable_video(stream, str(self.path))
        except UnreadableMediaError:
            container.close()
            raise
        # By frames, every thread of the decoder holds a picture of its own.
        stream.thread_type = "SLICE" if stream.width * stream.height > LARGE_PIXELS else "AUTO"
        stream.codec_context.thread_count = self._threads
        return container, stream

    def _peek_frame(self) -> av.VideoFrame:
        """Return the first frame; everything read on the way to it is still yielded by `items`."""
        for item in self._raw:
            self._ahead.append(item)
            if isinstance(item, av.VideoFrame):
                return item
        raise UnreadableMediaError("Not one picture of {path} can be decoded.", "The file is damaged.", path=self.path)

    def _decode(self) -> Iterator[av.VideoFrame | MediaPacket]:
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                if self._is_broadcast and isinstance(error, BlockingIOError):
                    packets = self.container.demux()  # FFmpeg found no packet for a while, and looks on when asked
                    continue
                yield from self._drain()
                raise self._broken(error) from error
            if packet is None:
                break
            if packet.size == 0:
                if packet.stream is self.stream and packet.dts is None:
                    yield from self._drain()
                elif packet.stream is self.stream:
                    self._note(packet)  # an empty sample, by which an MP4 leaves the picture before it standing
                continue
            self._timeline.place(packet)
            self._note(packet)
            if packet.stream is not self.stream:
                yield packet
                continue
            yield from self._decode_one(packet)
        if self._is_short():
            raise self._broken(None)

    def _decode_one(self, packet: MediaPacket) -> Iterator[av.VideoFrame]:
        cause: Exception | None = None
        is_whole = not packet.is_corrupt
        try:
            if is_whole or self._is_broadcast:
                yield from self.stream.decode(packet)
        except av.FFmpegError as error:
            is_whole, cause = False, error
        if not is_whole and not self._is_broadcast:
            yield from self._drain()
            raise self._broken(cause) from cause
        self.damaged_places += self._is_whole and not is_whole
        self._is_whole = is_whole

    def _picture(self, frame: av.VideoFrame) -> VideoPicture:
        pts = frame.pts if frame.pts is not None else frame.dts
        if self._last_pts is not None and (pts is None or pts <= self._last_pts):
            # Raw H.264 has no time stamps at all.
            step = 1 if pts is not None else max(round(1 / (Fraction(self.fps or 25) * self.time_base)), 1)
            pts = self._last_pts + step
        self._last_pts = pts if pts is not None else 0
        self.lost_beside |= lost_with(frame)
        return VideoPicture(
            image=self._converter.convert(frame),
            pts=self._last_pts,
            duration=max(frame.duration or 0, 0),
            time_base=self.time_base,
            deep=self._converter.convert_deep(frame) if self._deep else None,
            coded=frame if is_upright(frame) else None,
        )

    def _drain(self) -> Iterator[av.VideoFrame]:
        """Yield the frames that the decoder still buffers."""
        try:
            yield from self.stream.decode(None)
        except av.FFmpegError:
            return

    def _note(self, packet: MediaPacket) -> None:
        if packet.stream is self.stream and self._packets >= 0:
            self._packets += 1
        if packet.pts is not None:
            # A subtitle stands for seconds, which says nothing of what else is there.
            end = packet.pts + (0 if packet.stream.type == "subtitle" else packet.duration or 0)
            end_s = float(end * packet.time_base)
            self._end_s = max(self._end_s, end_s)
            if packet.stream is self.stream:
                self._pictures_end_s = max(self._pictures_end_s, end_s)

    def _is_short(self) -> bool:
        if self.frame_count is not None and 0 <= self._packets < self.frame_count:
            return True
        if self._timeline.is_changed:  # which the duration does not know
            return False
        # Containers differ in whether the duration begins at 0 or at the first picture; the longer way is forgiving.
        return self.duration_s is not None and self._end_s < self.duration_s - _SHORTFALL_S

    def _broken(self, error: Exception | None) -> UnreadableMediaError:
        reached = self._end_s - (self.container.start_time or 0) / av.time_base
        where = (
            phrase("{path} is damaged or breaks off after {reached:.1f} s of {whole:.1f} s")
            if self.duration_s
            else phrase("{path} is damaged or breaks off after {reached:.1f} s")
        )
        found = with_values(where, path=self.path, reached=max(reached, 0.0), whole=self.duration_s or 0.0)
        if error is None:
            return UnreadableMediaError("{found}.", "Get a whole copy of it.", found=found)
        return UnreadableMediaError("{found} ({reason}).", "Get a whole copy of it.", found=found, reason=reason(error))

    def _unreadable(self, error: Exception) -> UnreadableMediaError:
        if isinstance(error, IsADirectoryError):
            return UnreadableMediaError("{path} is a folder, not a video.", path=self.path)
        if isinstance(error, (FileNotFoundError, PermissionError)):
            return unreadable(self.path, error)
        return UnreadableMediaError(
            "{path} is not a video that can be read ({reason}).",
            "Check that the file is whole.",
            path=self.path,
            reason=reason(error),
        )


def _frame_count(container: InputContainer, stream: VideoStream) -> int | None:
    """Return how many packets of pictures a whole file yields, None when it does not say."""
    if container.format.name == "avi":  # it counts the frames that a camera dropped, too
        return None
    # MP4 counts the frames that an edit list cuts off, too. FFmpeg has left those out of its index.
    is_mp4 = container.format.name.startswith("mov,")
    return (min(stream.frames, len(stream.index_entries)) if is_mp4 else stream.frames) or None


def _duration_s(container: InputContainer) -> float | None:
    """Return the seconds of the pictures and the sound, None when the file does not say."""
    whole_s = container.duration / av.time_base if container.duration else None
    discarded = any(int(stream.discard) == DISCARD_ALL for stream in container.streams)
    if whole_s is None or not (container.streams.subtitles or discarded):
        return whole_s
    # The container's own duration includes a subtitle that stands longer than the pictures and the sound go, and the
    # track of an MP4's chapters, which FFmpeg discards.
    streams = (*container.streams.video, *container.streams.audio)
    lengths_s = [_length_s(stream) for stream in streams if not stream.disposition & Disposition.attached_pic]
    return min(max((length_s for length_s in lengths_s if length_s), default=whole_s), whole_s)


def _length_s(stream: Stream) -> float | None:
    """Return the seconds of one stream, in Matroska from its tag such as "DURATION-eng"; None when nothing says."""
    tag = next((value for name, value in stream.metadata.items() if name.upper().startswith("DURATION")), "")
    if clock := _CLOCK.fullmatch(tag):
        hours, minutes, seconds = map(float, clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def _subsampling(pixels: VideoFormat) -> str:
    """Return the chroma subsampling of a format, such as "4:2:0"."""
    if not pixels.is_rgb and len(pixels.components) >= 3:
        across = pixels.width and round(pixels.width / pixels.chroma_width())
        down = pixels.height and round(pixels.height / pixels.chroma_height())
        return {(2, 2): "4:2:0", (2, 1): "4:2:2", (1, 1): "4:4:4", (4, 1): "4:1:1", (1, 2): "4:4:0"}.get(
            (across, down), "4:2:0"
        )
    return "4:4:4" if pixels.is_rgb else "4:2:0"


def _fields(frame: av.VideoFrame, stream: VideoStream) -> str:
    """Return the field order of an interlaced picture, "tff" or "bff"; "" when it is progressive."""
    if not frame.interlaced_frame:
        return ""
    context = stream.codec_context
    # An AVI says nothing of the order in its DV, which is the bottom field first in standard definition.
    is_dv = not context.field_order and context.name == "dvvideo" and frame.height < 720
    return "bff" if is_dv or context.field_order in _BOTTOM_FIRST else "tff"
