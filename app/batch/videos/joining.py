"""Joining the restored pieces of a video: packets are copied, and everything beside the pictures is added once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import av

from app.batch.videos.incomplete import keep_incomplete
from app.batch.videos.output import VideoOutput
from app.batch.videos.restore import Progress
from app.core.errors import OutputError, UnreadableMediaError
from app.core.words import Phrase
from app.media.files import ffmpeg_name, reason
from app.media.videos.video_reader import VideoReader

_Timed: TypeAlias = "tuple[float, int, av.Packet[Any]]"


@dataclass(frozen=True, kw_only=True)
class PieceFile:
    """A restored piece and the time stamp of its first picture in ticks of the source."""

    path: Path
    first_pts: int


def join_pieces(
    source: Path,
    target: Path,
    pieces: Sequence[PieceFile],
    *,
    overwrite: bool = False,
    damage: Phrase | None = None,
    progress: Progress | None = None,
    before_naming: Callable[[], None] | None = None,
) -> tuple[Phrase, ...]:
    """Write `target` from `pieces`, in order, and from what `source` has beside its pictures; returns what was lost.

    `progress` is called after every packet, with no frame restored. Time stamps are those of the source.
    With `damage`, which says where the source broke off, the result is kept as NAME.incomplete and BrokenOffError names
    it. Raises OutputError.
    """
    reader = VideoReader(source)
    try:
        order = [_times(piece, reader.time_base) for piece in pieces]
        reader.rewind()
        with _open(pieces[0]) as first:
            output = VideoOutput(target, reader, overwrite=overwrite, like=first.streams.video[0])
        try:
            _fill(output, reader, pieces, order, progress, damaged=damage is not None)
            output.close()
            if before_naming is not None:
                before_naming()
        except BaseException:
            output.discard()
            raise
    finally:
        reader.close()
    if damage is not None:
        raise keep_incomplete(output, source, target, damage)
    output.take_name()
    return tuple(output.notes)


def decode_times(order: Sequence[Sequence[int]]) -> list[int]:
    """Decoding time stamps for pieces whose pictures have the time stamps `order`, each in the order of decoding.

    An encoder gives every picture the time stamp of the one that many places earlier in the order of display by which
    it delays pictures; over a joint that only holds if it is done for all pieces together.
    """
    shown = [pts for piece in order for pts in sorted(piece)]
    if any(second <= first for first, second in pairwise(shown)):
        raise OutputError("The pieces of a video overlap.", "Restore it again with --fresh.")
    delay = 0
    for piece in order:
        rank = {pts: index for index, pts in enumerate(sorted(piece))}
        delay = max(delay, *(index - rank[pts] for index, pts in enumerate(piece)))
    if not delay:
        return shown
    before = shown[delay] - shown[0] if len(shown) > delay else shown[-1] - shown[0] + len(shown)
    return [*(pts - before for pts in shown[:delay]), *shown[: len(shown) - delay]][: len(shown)]


def _fill(
    output: VideoOutput,
    reader: VideoReader,
    pieces: Sequence[PieceFile],
    order: Sequence[Sequence[int]],
    progress: Progress | None,
    *,
    damaged: bool,
) -> None:
    pictures = _pictures(pieces, order, reader.time_base)
    others = _others(reader, damaged=damaged)
    for _time, is_other, packet in heapq.merge(pictures, others, key=lambda timed: timed[:2]):
        if is_other:
            output.write_other(packet)
        else:
            output.copy(packet)
        if progress is not None:
            progress(0, None)


def _pictures(pieces: Sequence[PieceFile], order: Sequence[Sequence[int]], time_base: Fraction) -> Iterator[_Timed]:
    decoding = iter(decode_times(order))
    header: bytes | None = None
    for piece, times in zip(pieces, order, strict=True):
        with _open(piece) as container:
            stream = container.streams.video[0]
            if header is not None and stream.codec_context.extradata != header:
                raise OutputError(
                    "The pieces of a video were encoded differently: {name}.",
                    "Begin anew with --fresh.",
                    name=piece.path.name,
                )
            header = stream.codec_context.extradata
            for packet, pts in zip(_packets(container.demux(stream)), times, strict=True):
                duration = round(packet.duration * packet.time_base / time_base) if packet.duration else 0
                packet.time_base = time_base
                packet.pts, packet.dts, packet.duration = pts, next(decoding), duration
                yield float(packet.dts * time_base), 0, packet


def _others(reader: VideoReader, *, damaged: bool) -> Iterator[_Timed]:
    time = 0.0
    try:
        for packet in reader.other_packets():
            if packet.dts is not None:
                time = max(time, float(packet.dts * packet.time_base))
            yield time, 1, packet
    except UnreadableMediaError:
        if not damaged:
            raise


def _times(piece: PieceFile, time_base: Fraction) -> list[int]:
    """Time stamps of a piece's pictures on the source's timeline, in the order of decoding."""
    with _open(piece) as container:
        stream = container.streams.video[0]
        return [
            piece.first_pts + round((packet.pts or 0) * packet.time_base / time_base)
            for packet in _packets(container.demux(stream))
        ]


def _packets(packets: Iterable[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
    return (packet for packet in packets if packet.size and packet.pts is not None)


def _open(piece: PieceFile) -> av.container.InputContainer:
    try:
        return av.open(ffmpeg_name(piece.path))
    except (av.FFmpegError, OSError) as error:
        raise OutputError(
            "The restored piece {path} cannot be read ({reason}).",
            "Give the same command once more.",
            path=piece.path,
            reason=reason(error),
        ) from error
