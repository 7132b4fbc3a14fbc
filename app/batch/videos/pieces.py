"""Videos in pieces: where to cut them, and restoring one piece without a visible joint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from app.batch.videos.extent import Extent
from app.batch.videos.output import VideoOptions, VideoOutput
from app.batch.videos.restore import Process, Progress, frame_of
from app.core.errors import UnreadableMediaError
from app.core.types import Frame
from app.core.words import Phrase
from app.media.videos.video_reader import VideoReader

LEAD_S = 1.0
"""A piece is tracked from this long before its first picture, so that its faces are known and smoothed by then."""

WARM_S = 0.5
"""And restored from this long before it, so that steadiness has settled."""

_TRACKING_SHARE = 0.15
"""What tracking a frame takes of the time of restoring it."""

_SHORTEST_S = 4.0
_USUAL_S = 30.0
_FEW = 4
_BEHIND_KEY_S = 0.1  # an index may hold decoding times, which are a little earlier

Track: TypeAlias = Callable[[Frame], object]


@dataclass(frozen=True, kw_only=True)
class Span:
    """The pictures from the time stamp `start` up to, without it, `end`; None for the ends of the video."""

    start: int | None
    end: int | None


@dataclass(frozen=True, kw_only=True)
class PieceResult:
    """What is in a piece: its frames, the time stamp of the first (None when there is none), what was lost.

    `damage` says where the source broke off while it was read, None when it did not.
    """

    frames: int
    first_pts: int | None
    notes: tuple[Phrase, ...] = ()
    damage: Phrase | None = None


def cut(extent: Extent) -> list[Span]:
    """Spans of about equal work that cover the video; one when it is short, or when its container has no index.

    They depend on the video alone, so that a run with other workers can go on with them. Where a key frame is near, a
    span is moved so that its lead-in begins there and nothing is decoded in vain.
    """
    seconds = float(extent.ticks * extent.time_base)
    count = max(min(_FEW, int(seconds / _SHORTEST_S)), round(seconds / _USUAL_S), 1)
    if not extent.indexed or count == 1:
        return [Span(start=None, end=None)]
    lead, warm, behind = (round(each / extent.time_base) for each in (LEAD_S, WARM_S, _BEHIND_KEY_S))
    # The first piece has no lead-in and takes that much more of the video.
    ahead = warm + _TRACKING_SHARE * (lead - warm)
    length = (extent.ticks - ahead) / count
    starts = []
    for number in range(1, count):
        start = extent.first_pts + round(ahead + number * length)
        key = min(extent.key_times, key=lambda time: abs(time + behind + lead - start), default=start)
        near = key + behind + lead
        starts.append(near if abs(near - start) <= length / 8 else start)
    return [Span(start=start, end=end) for start, end in zip([None, *starts], [*starts, None], strict=True)]


def restore_piece(
    source: Path,
    target: Path,
    span: Span,
    process: Process,
    *,
    track: Track,
    warm_up: Process,
    options: VideoOptions | None = None,
    progress: Progress | None = None,
    before_naming: Callable[[], None] | None = None,
) -> PieceResult:
    """Restore the pictures of `span` into `target`, an MP4 without sound whose time stamps begin at 0.

    The frames before it go through `track` first and then through `warm_up`. Raises as `restore_video` does, but a
    source that breaks off is a result with `damage`.
    """
    options = options or VideoOptions()
    reader = VideoReader(source, with_depth=True, threads=options.threads)
    try:
        output = VideoOutput(target, reader, options=options, overwrite=True, with_tracks=False)
        try:
            first_pts, damage = None, None
            try:
                first_pts = _fill(output, reader, span, process, track, warm_up, progress)
            except _BrokenOffError as error:
                first_pts, damage = error.first_pts, error.what
            if before_naming is not None:
                before_naming()
            if first_pts is None:
                output.discard()
            else:
                output.close()
        except BaseException:
            output.discard()
            raise
    finally:
        reader.close()
    if first_pts is not None:
        output.take_name()
    return PieceResult(frames=output.frames, first_pts=first_pts, notes=tuple(output.notes), damage=damage)


class _BrokenOffError(Exception):
    def __init__(self, what: Phrase, first_pts: int | None) -> None:
        super().__init__(what)
        self.what, self.first_pts = what, first_pts


def _fill(
    output: VideoOutput,
    reader: VideoReader,
    span: Span,
    process: Process,
    track: Track,
    warm_up: Process,
    progress: Progress | None,
) -> int | None:
    """Write the pictures of `span`; return the first one's time stamp."""
    lead, warm = (round(each / reader.time_base) for each in (LEAD_S, WARM_S))
    begin = None if span.start is None else span.start - lead
    if begin is not None:
        reader.seek(float(begin * reader.time_base))
    first_pts: int | None = None
    try:
        for picture in reader.pictures(start=begin):
            if span.end is not None and picture.pts >= span.end:
                break
            frame = frame_of(reader, picture, index=output.frames)
            if span.start is not None and picture.pts < span.start:
                before = track if picture.pts < span.start - warm else warm_up
                before(frame)
            else:
                if first_pts is None:
                    first_pts = picture.pts
                output.write(process(frame), picture, offset=first_pts)
            if progress is not None:
                progress(output.frames, None)
    except UnreadableMediaError as error:
        raise _BrokenOffError(error.what_phrase, first_pts) from error
    if span.end is None and (shortfall := reader.shortfall()):
        output.notes.append(shortfall)
    return first_pts
