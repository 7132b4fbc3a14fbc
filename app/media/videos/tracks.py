"""The tracks of a video file beside its pictures: sound, subtitles, chapters, attachments, covers, other videos.

They are copied unchanged where the new container supports them; the others are named, never dropped silently.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from app.core.words import Phrase, joined, phrase
from app.media.videos.containers import open_video

_OF_THE_FILE = frozenset({"encoder", "major_brand", "minor_version", "compatible_brands"})
_IN_EVERY_MP4 = _OF_THE_FILE | {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"),
    *("lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "episode_sort"),
    *("season_number", "media_type", "hd_video", "gapless_playback", "compilation", "track", "disc", "tempo"),
    "creation_time",
}
"""Metadata that describe the old file, and those for which MP4 has places of its own."""

_OF_THE_OLD_STREAM = ("encoder", "bps", "duration", "number_of_", "_statistics_", "rotate", "vendor_id", "handler_")

DISCARD_ALL = 48
"""FFmpeg's AVDISCARD_ALL: of streams that are not read, such as the chapters of an MP4."""

BROADCASTS = ("mpegts", "mpeg")
"""FFmpeg's formats whose time stamps are those of a transmitter's clock."""

_NAMES = {
    "audio": phrase("sound"),
    "subtitle": phrase("subtitles"),
    "video": phrase("another video"),
    "attachment": phrase("an attached file"),
    "data": phrase("a data track"),
}

_COVERS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 8: "7.1"}
# Of copied channels; the encoder of AAC has no more than the above.
_USUAL_LAYOUTS = {**_LAYOUTS, 4: "4.0", 5: "5.0", 7: "6.1"}
_BLOCK = 1024
"""Samples in a packet of AAC."""

_MOST_OVERLAP = _BLOCK // 2
"""By how many samples a frame of sound may begin before the end of the one before, by the rounding of its stamps."""

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


class _Track(Protocol):
    def packets(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]: ...

    def rest(self) -> Iterator[av.Packet[Any]]: ...


class OtherTracks:
    """Every track of `source` but `main`, added to `container`, of FFmpeg's format `kind`, before anything is written.

    `notes` name what was changed or left out, `cut_short` the tracks that end at a packet that cannot be written.
    Raises av.FFmpegError.
    """

    def __init__(self, source: InputContainer, main: VideoStream, container: OutputContainer, kind: str) -> None:
        self._source = source
        self._container = container
        self._kind = kind
        self._tracks: dict[int, _Track] = {}
        self._lost: list[Phrase] = []
        self._changed: list[Phrase] = []
        self.cut_short: list[Phrase] = []
        self._may_fit_elsewhere = False
        chapters = source.chapters()
        for stream in source.streams:
            # MP4 holds its chapters in a data track that FFmpeg discards, and the time code of the pictures in another.
            is_chapters = stream.type == "data" and bool(chapters) and int(stream.discard) == DISCARD_ALL
            is_time_code = stream.type == "data" and "timecode" in stream.metadata
            if stream is not main and not is_chapters and not is_time_code:
                self._add(stream)
        if chapters:
            container.set_chapters(chapters)
        container.metadata.update(
            {name: value for name, value in source.metadata.items() if name.lower() not in _OF_THE_FILE}
        )

    @property
    def notes(self) -> tuple[Phrase, ...]:
        notes = list(self._changed)
        if self._lost:
            lost = joined(self._lost)
            if self._may_fit_elsewhere:
                notes.append(
                    phrase(
                        "left out, as the format cannot hold it: {tracks}; a name that ends in .mkv may keep them",
                        tracks=lost,
                    )
                )
            else:
                notes.append(phrase("left out, as the format cannot hold it: {tracks}", tracks=lost))
        return tuple(notes)

    def write(self, packet: av.Packet[Any]) -> None:
        """Write a packet of `source`, unless its track is left out. Raises OSError."""
        track = self._tracks.get(packet.stream.index)
        if track is not None:
            self._write(packet.stream, track.packets(packet))

    def finish(self) -> None:
        """Write what is still buffered at the end. Raises OSError."""
        for stream, track in [(self._source.streams[index], track) for index, track in self._tracks.items()]:
            self._write(stream, track.rest())

    def _write(self, stream: Stream, packets: Iterator[av.Packet[Any]]) -> None:
        try:
            for packet in packets:
                self._container.mux(packet)
        except OSError:
            raise
        except av.FFmpegError:
            del self._tracks[stream.index]
            self.cut_short.append(phrase("left out from a damaged place on: {track}", track=_described(stream)))

    def _add(self, stream: Stream) -> None:
        if isinstance(stream, AttachmentStream):
            if self._kind == "matroska":
                name = stream.metadata.get("filename", f"attachment-{stream.index}")
                self._container.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
            else:
                self._lose(stream)
        elif stream.disposition & Disposition.attached_pic and self._kind == "matroska":
            self._attach_cover(stream)
        elif stream.type in ("audio", "video", "subtitle", "data") and _fits(stream, self._kind):
            copy = _add_copy(stream, self._container)
            copy.metadata.update(stream.metadata)
            self._tracks[stream.index] = _Copied(
                copy,
                from_zero=self._kind == "matroska" and stream.type == "audio",
                distinct_times=self._kind != "matroska",
                unwrapping=_unwrapping(stream),
            )
        elif isinstance(stream, AudioStream) and stream.codec_context is not None:
            self._tracks[stream.index] = _Transcoded(stream, self._container)
            codec = stream.codec_context.name
            self._changed.append(
                phrase(
                    "its sound ({codec}) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it",
                    codec=codec,
                )
                if _fits(stream, "matroska")
                else phrase("its sound ({codec}) became AAC, as the format cannot hold it", codec=codec)
            )
        else:
            self._lose(stream)

    def _lose(self, stream: Stream) -> None:
        self._lost.append(_described(stream))
        self._may_fit_elsewhere |= self._kind != "matroska" and stream.type != "data"

    def _attach_cover(self, stream: Stream) -> None:
        """Attach a cover picture: Matroska stores it as an attached file with a fixed name."""
        kind = _COVERS.get(stream.codec_context.name) if stream.codec_context is not None else None
        data = _first_packet(stream)
        if kind and data:
            self._container.add_attachment(f"cover.{kind[0]}", kind[1], data)
        else:
            self._lose(stream)


class _Copied:
    """A track whose packets are copied unchanged, except that time stamps never go back: no container takes those.

    `from_zero` leaves out what is played before time zero: the samples by which an MP4 primes its decoder, which in
    Matroska would delay everything. With `distinct_times` no two packets may have the same. `unwrapping` takes off the
    headers that the new container cannot hold.
    """

    def __init__(
        self, stream: Stream, *, from_zero: bool, distinct_times: bool, unwrapping: BitStreamFilterContext | None
    ) -> None:
        self._stream = stream
        self._from_zero = from_zero
        self._distinct_times = distinct_times
        self._unwrapping = unwrapping
        self._last: int | None = None

    def packets(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        if packet.dts is None:
            if not self._stream.disposition & Disposition.attached_pic:
                return
            packet.pts = packet.dts = 0
        if self._from_zero and packet.pts is not None and packet.pts < 0 >= packet.pts + (packet.duration or 0):
            return
        try:
            packets = [packet] if self._unwrapping is None else self._unwrapping.filter(packet)
        except av.error.InvalidDataError:
            return
        for each in packets:
            self._keep_order(each)
            each.stream = self._stream
            yield each

    def rest(self) -> Iterator[av.Packet[Any]]:
        return iter(())

    def _keep_order(self, packet: av.Packet[Any]) -> None:
        if self._last is not None and packet.dts is not None:
            # Ticks of the packet for one of the container, which rounds to its own.
            step = ceil((self._stream.time_base or 0) / packet.time_base) if self._distinct_times else 0
            packet.dts = max(packet.dts, self._last + step)
            if packet.pts is not None:
                packet.pts = max(packet.pts, packet.dts)
        self._last = packet.dts


class _Transcoded:
    """A sound track that is decoded and encoded as AAC. Format, channels and rate may change from frame to frame."""

    def __init__(self, source: AudioStream, container: OutputContainer) -> None:
        context = source.codec_context
        channels = context.layout.nb_channels
        layout = _LAYOUTS.get(channels, "stereo")
        rate = context.sample_rate if context.sample_rate in _AAC_RATES else 48000
        self._stream: AudioStream = container.add_stream("aac", rate=rate, layout=layout)
        self._stream.codec_context.bit_rate = 96_000 * channels
        self._stream.metadata.update(source.metadata)
        self._layout, self._rate = layout, rate
        self._kind: tuple[str, str, int] | None = None
        self._converter: AudioResampler | None = None
        self._next: int | None = None
        self._blocks = AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=_BLOCK)

    def packets(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in frames:
            assert isinstance(frame, av.AudioFrame)
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if self._converter is None or kind != self._kind:
                # A resampler refuses frames of another kind, or passes them on as they are.
                yield from self._converted(None)
                self._kind = kind
                self._converter = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
            yield from self._converted(frame)

    def rest(self) -> Iterator[av.Packet[Any]]:
        yield from self._converted(None)
        yield from self._encoded(None)
        yield from self._stream.encode(None)

    def _converted(self, frame: av.AudioFrame | None) -> Iterator[av.Packet[Any]]:
        for piece in self._converter.resample(frame) if self._converter is not None else ():
            if piece is None:  # of a resampler that has nothing to do
                continue
            start = self._next or 0
            if piece.pts is not None and piece.time_base is not None:
                start = round(piece.pts * piece.time_base * self._rate)
            if self._next is not None and start < self._next - _MOST_OVERLAP:
                start = self._next  # no container takes time stamps that go back
            piece.pts, piece.time_base = start, Fraction(1, self._rate)
            self._next = start + piece.samples
            yield from self._encoded(piece)

    def _encoded(self, frame: av.AudioFrame | None) -> Iterator[av.Packet[Any]]:
        for each in self._blocks.resample(frame):
            yield from self._stream.encode(each)


def keep_description(source: Stream, copy: Stream) -> None:
    """Language, title, time code and role of a stream whose pictures are encoded anew; nothing about its bytes."""
    for name, value in source.metadata.items():
        if not name.lower().startswith(_OF_THE_OLD_STREAM):
            copy.metadata["title" if name.lower() == "name" else name] = value  # MP4 calls a track's title so
    copy.disposition = Disposition(source.disposition)


def container_options(source: InputContainer, kind: str, *, growing: bool, from_zero: bool) -> dict[str, str]:
    """Options for a container of FFmpeg's format `kind` that make room for all metadata of `source`.

    One that is `growing` plays up to its last seconds at any time, though the process be killed. With `from_zero` the
    time stamps of a broadcast, which begin at any hour, are moved to begin at 0.
    """
    options = {}
    if from_zero and source.format.name in BROADCASTS and source.start_time:
        options["output_ts_offset"] = f"{-source.start_time / av.time_base:.6f}"
    flags = ""
    if kind != "matroska" and not {name.lower() for name in source.metadata} <= _IN_EVERY_MP4:
        flags += "+use_metadata_tags"
    if growing:
        options["flush_packets"] = "1"
        if kind == "matroska":
            options["cluster_time_limit"] = "1000"
        else:
            flags += "+hybrid_fragmented+delay_moov"
            options["frag_duration"] = "1000000"
    return {**options, "movflags": flags} if flags else options


def main_video(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is not a cover picture and has a decoder, None without one."""
    videos = (
        each
        for each in container.streams.video
        if each.codec_context is not None and not each.disposition & Disposition.attached_pic
    )
    return next(videos, None)


def _first_packet(stream: Stream) -> bytes:
    """Return the first packet's data of `stream`, read from the file opened once more; empty when there is none."""
    with open_video(stream.container.name) as container:
        return next((bytes(packet) for packet in container.demux(container.streams[stream.index])), b"")


def _add_copy(stream: Stream, container: OutputContainer) -> Stream:
    """Add a track to `container` that takes the packets of `stream` unchanged.

    Channels of which nothing says where they are heard get the usual places: MP4 has to name them.
    """
    copy = container.add_stream_from_template(stream, opaque=True)
    copy.disposition = Disposition(stream.disposition)
    if isinstance(copy, AudioStream) and (layout := _USUAL_LAYOUTS.get(_unplaced_channels(copy))):
        copy.codec_context.layout = layout
    return copy


def _unplaced_channels(stream: Stream) -> int:
    """How many channels `stream` has if nothing says where they are heard, as in Matroska and AVI; 0 if it is known."""
    if not isinstance(stream, AudioStream) or stream.codec_context is None:
        return 0
    layout = stream.codec_context.layout
    return layout.nb_channels if layout.name == f"{layout.nb_channels} channels" else 0


def _fits(stream: Stream, kind: str) -> bool:
    """Whether the container format takes `stream` unchanged; tried out by starting such a file in memory."""
    if kind != "matroska" and _unplaced_channels(stream) > max(_USUAL_LAYOUTS):
        return False  # an MP4 would fail only once all is written
    try:
        with av.open(io.BytesIO(), "w", format=kind) as trial:
            _add_copy(stream, trial)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def _unwrapping(stream: Stream) -> BitStreamFilterContext | None:
    """Return what takes off the ADTS headers of AAC, which only a transport stream has; None for all other sound."""
    context = stream.codec_context
    if context is None or context.name != "aac" or context.extradata:
        return None
    return BitStreamFilterContext("aac_adtstoasc", stream)


def _described(stream: Stream) -> Phrase:
    if stream.disposition & Disposition.attached_pic:
        return phrase("its cover picture")
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    name = _NAMES.get(stream.type, phrase("an unknown track"))
    return phrase("{track} ({codec})", track=name, codec=codec) if codec else name
