"""How a restored video looks: whether its joints can be seen, and what the choice of encoder costs."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from app.batch.engine import run_job
from app.batch.jobs.plan import plan
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.work import work_for
from app.batch.worker import RestoreWorker
from app.media.videos.encoder_choices import FILE_ENCODERS, USUAL, EncoderChoice
from benchmarks.archiving.material import FPS, Table, executor, job, make_film


def joints(folder: Path, options: argparse.Namespace) -> Table:
    """The step from frame to frame (mean |difference| of luma) where pieces meet, beside one worker's uncut video.

    What a joint adds to the step is compared with what an encoder's ordinary key frame adds: each is the difference
    between the two videos at the same place, where only one of them has a key frame. `psnr_db` is how near they are.
    """
    rows: Table = {}
    for source in (make_film(folder / "film.mp4", options.seconds_of_joints * FPS), *options.videos):
        whole, joined = folder / "whole.mp4", folder / "joined.mp4"
        _in_one_piece(source, whole)
        run_job(replace(job(source, joined, 3), overwrite=True), executor=executor("inline"))
        (one, keys), (two, joined_keys) = _luma(whole), _luma(joined)
        steps, before = _steps(two), _steps(one)
        pieces, ordinary = sorted(set(joined_keys) - set(keys)), sorted(set(keys) - set(joined_keys))
        apart = [float(np.square(a.astype(np.float64) - b).mean()) for a, b in zip(one, two, strict=True)]
        rows[source.name] = {
            "joints": {str(at): round(steps[at - 1], 3) for at in pieces},
            "added_by_joints": {str(at): round(steps[at - 1] - before[at - 1], 3) for at in pieces},
            "added_by_ordinary_key_frames": {str(at): round(before[at - 1] - steps[at - 1], 3) for at in ordinary},
            "largest_elsewhere": round(max(step for at, step in enumerate(steps, 1) if at not in joined_keys), 3),
            "psnr_db": round(float(10 * np.log10(255**2 / np.mean(apart))), 2),
        }
        whole.unlink()
    return rows


def encoders(folder: Path, options: argparse.Namespace) -> Table:
    """Processor time a frame on one thread, size and PSNR of x264's speeds on the frames of `--videos` and a film."""
    usual = FILE_ENCODERS[USUAL][0]
    choices = [
        EncoderChoice(name="libx264", options={"preset": preset, "crf": str(crf)})
        for preset, crf in (("fast", 17), ("veryfast", 16), ("superfast", 16), ("ultrafast", 15))
    ]
    rows: Table = {}
    for source in (make_film(folder / "film.mp4", 90), *options.videos):
        for choice in (*choices, usual):
            name = ", ".join(choice.options.values())
            rows.setdefault(source.name, {})[name] = _encoded(source, folder / "out.mp4", choice)
    return rows


def _encoded(source: Path, target: Path, choice: EncoderChoice) -> Table:
    given = _frames(source)
    with av.open(str(target), "w") as container:
        stream = cast(VideoStream, container.add_stream(choice.name, rate=FPS, options=dict(choice.options)))
        stream.width, stream.height, stream.pix_fmt = given[0].width, given[0].height, "yuv420p"
        stream.codec_context.thread_count = 1
        started = time.process_time()
        for number, frame in enumerate(given):
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        took = time.process_time() - started
    errors = [
        float(np.square(_plane(a).astype(np.float64) - _plane(b)).mean())
        for a, b in zip(given, _frames(target), strict=True)
    ]
    return {
        "cpu_ms": round(took / len(given) * 1000, 2),
        "kb": target.stat().st_size // 1000,
        "psnr_db": round(float(10 * np.log10(255**2 / np.mean(errors))), 2),
    }


def _frames(path: Path) -> list[av.VideoFrame]:
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            frames.append(frame.reformat(format="yuv420p"))
            if len(frames) == 90:
                break
    return frames


def _plane(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray()[: frame.height], np.uint8)


def _in_one_piece(source: Path, target: Path) -> None:
    """What one worker makes of a video that is cut nowhere."""
    (item,) = plan(str(source), str(target), aligned=False)
    work = work_for(item, "", target.parent)
    how = job(source, target, 3).options
    RestoreWorker(WorkerSetup(options=how)).restore(replace(work.final, kind="video"))


def _luma(path: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Luma of every frame, and the numbers of the key frames."""
    with av.open(str(path)) as container:
        frames = [(_plane(frame.reformat(format="yuv420p")), frame.key_frame) for frame in container.decode(video=0)]
    return [plane for plane, _ in frames], [number for number, (_, is_key) in enumerate(frames) if is_key]


def _steps(planes: list[NDArray[np.uint8]]) -> list[float]:
    return [float(np.abs(a.astype(np.int16) - b).mean()) for a, b in pairwise(planes)]
