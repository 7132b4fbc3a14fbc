"""`--encoder`: x264 by default, a hardware encoder only where it works, and never another one in its place."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from app.batch.videos.output import VideoOptions
from app.batch.videos.restore import restore_video
from app.core.errors import OutputError
from app.media.videos import encoder_choices
from app.media.videos.encoder_choices import FILE_ENCODERS, USUAL, EncoderChoice
from tests.batch.helpers import files_in
from tests.batch.test_video import brighter, pictures, same
from tests.media_files import number_of, numbered_picture, write_video


@pytest.mark.parametrize("name", sorted(set(FILE_ENCODERS) - {USUAL}))
def test_a_hardware_encoder_writes_the_video_or_says_that_it_is_not_here(tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, [numbered_picture(number, width=320, height=240) for number in range(5)])
    refusal = None
    try:
        restore_video(source, tmp_path / "out.mp4", same, options=VideoOptions(encoder=name))
    except OutputError as error:
        refusal = error
    if refusal is None:
        assert [number_of(image) for image in pictures(tmp_path / "out.mp4")] == list(range(5))
    else:
        assert name in refusal.what
        assert "x264" in refusal.hint
        assert files_in(tmp_path) == ["in.mp4"]


def test_an_encoder_that_takes_another_layout_shows_the_same_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, [numbered_picture(number) for number in range(5)])
    restore_video(source, tmp_path / "planes.mp4", brighter)
    (usual, *_) = FILE_ENCODERS[USUAL]
    woven = EncoderChoice(name=usual.name, options=usual.options, pixels="nv12")
    monkeypatch.setitem(encoder_choices.FILE_ENCODERS, "woven", (woven,))
    restore_video(source, tmp_path / "woven.mp4", brighter, options=VideoOptions(encoder="woven"))
    for one, other in zip(pictures(tmp_path / "planes.mp4"), pictures(tmp_path / "woven.mp4"), strict=True):
        assert np.array_equal(one, other)


def test_the_threads_of_decoder_and_encoder_change_no_picture(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, [numbered_picture(number) for number in range(40)])
    for threads in (0, 1):
        restore_video(source, tmp_path / f"{threads}.mp4", same, options=VideoOptions(threads=threads))
        with av.open(str(tmp_path / f"{threads}.mp4")) as container:
            assert container.streams.video[0].frames == 40
    for one, other in zip(pictures(tmp_path / "0.mp4"), pictures(tmp_path / "1.mp4"), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.5
