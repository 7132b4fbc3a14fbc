"""Restoring a video file: every frame with its exact time stamp, everything beside the pictures copied untouched."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.batch.videos.incomplete import keep_incomplete
from app.batch.videos.output import VideoOptions, VideoOutput
from app.core.errors import OutputError, UnreadableMediaError
from app.core.types import Frame, Restored
from app.core.words import Phrase
from app.media.videos.suffixes import FORMATS
from app.media.videos.video_reader import VideoPicture, VideoReader

Process = Callable[[Frame], Restored]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class TranscodeResult:
    """What was written, and in `notes` what was lost."""

    frames: int
    duration_s: float
    notes: tuple[Phrase, ...] = ()


def restore_video(
    source: Path,
    target: Path,
    process: Process,
    *,
    options: VideoOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    before_naming: Callable[[], None] | None = None,
) -> TranscodeResult:
    """Send every frame of the video `source` through `process` and write `target`, H.264 in MP4, MOV or MKV.

    What `process` returns is as many times as large as the frame as `options.scale` says.

    A video that is turned by its metadata is written upright; its colour matrix, range and tags, ten bits, interlacing,
    sound, subtitles, chapters, covers and attachments are kept, and what cannot be is named in `notes`. `progress`
    receives the frames done and how many there are (None when nobody knows); what it raises stops the video. `target`
    appears only when everything is in it and `before_naming`, called last, does not raise. It has the permissions of
    `source` and replaces a file only with `overwrite`. Time stamps are those of `source`, but those of a broadcast
    (MPEG-TS or PS) are moved to begin at 0.

    Raises UnreadableMediaError for what cannot be decoded, OutputError for what cannot be written, and whatever
    `process` and `progress` raise. A video that breaks off is restored up to there and kept as NAME.incomplete (or the
    first of NAME.incomplete-2 and so on that is free), which the BrokenOffError names; what was kept of the same source
    before is replaced.
    """
    if target.suffix.lower() not in FORMATS:
        raise OutputError(
            "{target} has no suffix of a video.", "Use one of {names}.", target=target, names=", ".join(FORMATS)
        )
    options = options or VideoOptions()
    reader = VideoReader(source, with_depth=True, threads=options.threads)
    try:
        output = VideoOutput(target, reader, options=options, overwrite=overwrite)
        try:
            damage = None
            try:
                _fill(output, reader, process, progress)
            except UnreadableMediaError as error:
                damage = error
            output.close()
            if before_naming is not None:
                before_naming()
        except BaseException:
            output.discard()
            raise
    finally:
        reader.close()
    if damage is not None:
        raise keep_incomplete(output, source, target, damage.what_phrase) from damage
    output.take_name()
    return TranscodeResult(frames=output.frames, duration_s=output.duration_s, notes=tuple(output.notes))


def frame_of(reader: VideoReader, picture: VideoPicture, *, index: int) -> Frame:
    """Return `picture` as a frame of the pipeline, on the video's own timeline."""
    t_media = float((picture.pts - reader.first_pts) * picture.time_base)
    return Frame(
        image=picture.image,
        index=index,
        t_capture=time.perf_counter(),
        t_media=t_media,
        pixel_shape=float(reader.pixel_shape),
    )


def _fill(output: VideoOutput, reader: VideoReader, process: Process, progress: Progress | None) -> None:
    """Write everything that the reader yields."""
    total = reader.frame_count or (round(reader.duration_s * reader.fps) if reader.duration_s else 0) or None
    for item in reader.items(other_streams=True):
        if not isinstance(item, VideoPicture):
            output.write_other(item)
            continue
        output.write(process(frame_of(reader, item, index=output.frames)), item)
        if progress is not None:
            progress(output.frames, total)
    if shortfall := reader.shortfall():
        output.notes.append(shortfall)
