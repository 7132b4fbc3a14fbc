"""A worker's memory: what a restored video took is given back before the next one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from av.codec.context import CodecContext

from app.batch.jobs.job import RestoreOptions
from app.batch.jobs.plan import plan
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.work import work_for
from app.batch.worker import RestoreWorker
from app.core.settings import Settings
from app.media.videos.video_reader import VideoReader
from tests.media_files import numbered_picture, write_video


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector may come much later than the next picture of 25 MB."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _alive(kind: type) -> int:
    return sum(isinstance(each, kind) for each in gc.get_objects())


def test_no_decoder_or_encoder_outlives_its_video(tmp_path: Path, no_collector: None) -> None:
    write_video(tmp_path / "in.mp4", [numbered_picture(number) for number in range(5)])
    (item,) = plan(str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), aligned=False)
    task = work_for(item, "", tmp_path).final
    worker = RestoreWorker(WorkerSetup(options=RestoreOptions(settings=Settings(k=1), k_is_given=True)))
    gc.collect()
    before = _alive(CodecContext)
    worker.restore(task)
    assert _alive(CodecContext) == before


def test_a_decoded_frame_goes_when_the_next_one_comes(tmp_path: Path, no_collector: None) -> None:
    write_video(tmp_path / "in.mp4", [numbered_picture(number) for number in range(20)])
    before = _alive(av.VideoFrame)
    reader = VideoReader(tmp_path / "in.mp4", threads=1)
    try:
        for count, _ in enumerate(reader.pictures(), start=1):
            assert _alive(av.VideoFrame) - before <= 5, count  # those of one decoded packet, at the end all left ones
    finally:
        reader.close()
