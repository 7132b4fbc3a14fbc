"""Clips to share: what they show, how long and how large they are."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.errors import RecordingError
from app.core.types import Face, Frame, Restored, RestoredFace
from app.outputs.sharing.clip import LARGEST_BYTES, SHAPES, ClipMemory, Moment, clip_frames, kept, make_clip, sweep


def wait_for(memory: ClipMemory, t: float) -> None:
    """Wait until the frame of that time is kept."""
    for _ in range(500):
        if memory.moments() and memory.moments()[-1].t == t:
            return
        memory._thread.join(0.01)
    raise AssertionError(f"the frame of {t} s is not kept: {memory.moments()}")


def restored(t: float, *, size: tuple[int, int] = (640, 360)) -> Restored:
    """Dark before, bright after, and a face at the left."""
    width, height = size
    before, after = np.full((height, width, 3), 60, np.uint8), np.full((height, width, 3), 200, np.uint8)
    landmarks = np.zeros((5, 2), np.float32)
    face = Face(track_id=1, box=np.array([40, 60, 160, 220], np.float32), landmarks=landmarks, score=0.9)
    entry = RestoredFace(face=face, cycles=3, steps=(0.1,))
    return Restored(frame=Frame(image=before, index=0, t_capture=t, t_media=t), image=after, k=3, faces=(entry,))


def noisy_moments(seconds: float, *, fps: float = 25.0) -> list[Moment]:
    noise = np.random.default_rng(0).integers(0, 256, (45, 80, 3), np.uint8)
    picture = cv2.resize(noise, (960, 540), interpolation=cv2.INTER_CUBIC)
    frames = []
    for index in range(round(seconds * fps) + 1):
        moved = np.roll(picture, 3 * index, axis=1)
        frame = Frame(image=moved, index=index, t_capture=5.0 + index / fps, t_media=index / fps)
        frames.append(kept(Restored(frame=frame, image=255 - moved, k=3)))
    return frames


def test_the_divider_sweeps_once() -> None:
    places = [sweep(step / 100) for step in range(101)]
    assert places[0] == places[10] == 1.0
    assert places[-1] == places[90] == 0.0
    assert all(later <= earlier for earlier, later in itertools.pairwise(places))


def test_before_comes_first_and_after_last() -> None:
    moments = [kept(restored(i / 10)) for i in range(31)]
    frames = list(clip_frames(moments, (320, 180), 30, labels=False))
    assert len(frames) == 90
    assert frames[0].mean() == pytest.approx(60, abs=3)
    assert frames[-1].mean() == pytest.approx(200, abs=3)
    middle = frames[45]
    assert middle[:, :100].mean() == pytest.approx(60, abs=3)
    assert middle[:, 220:].mean() == pytest.approx(200, abs=3)


@pytest.mark.parametrize("shape", list(SHAPES))
def test_an_mp4_is_even_of_its_shape_and_small(tmp_path: Path, shape: str) -> None:
    path = make_clip(noisy_moments(3.0), tmp_path / "clip.mp4", shape=shape)
    assert path.stat().st_size < LARGEST_BYTES
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert (frames[0].width, frames[0].height) == SHAPES[shape]
    assert len(frames) == 90
    assert np.allclose(np.diff([frame.time for frame in frames]), 1 / 30, atol=1e-4)


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_an_animation_moves_and_is_small(tmp_path: Path, suffix: str) -> None:
    path = make_clip(noisy_moments(2.0), tmp_path / f"clip{suffix}", shape="square")
    assert path.stat().st_size < LARGEST_BYTES
    _, animation = cv2.imreadanimation(str(path))
    assert len(animation.frames) == pytest.approx(30, abs=1)


def test_the_last_seconds_are_taken_and_too_few_are_refused(tmp_path: Path) -> None:
    path = make_clip(noisy_moments(4.0), tmp_path / "clip.mp4", seconds=2.0)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60
    with pytest.raises(RecordingError, match="too little"):
        make_clip(noisy_moments(0.5), tmp_path / "short.mp4")
    assert not list(tmp_path.glob("short*")), "nothing half-written is left"


def test_a_tall_clip_keeps_the_face_in_view() -> None:
    frames = [restored(0.0), restored(1.0)]
    for frame in frames:
        frame.image[100:180, 60:140] = 255  # a mark on the face
    moments = [kept(frame) for frame in frames]
    assert moments[0].focus == pytest.approx((100 / 640, 140 / 360))
    *_, last = clip_frames(moments, (180, 320), 30, labels=False)
    assert (last > 240).all(axis=2).sum() == pytest.approx((80 * 320 / 360) ** 2, rel=0.1), "the whole mark"


def test_the_memory_keeps_ten_seconds_and_never_waits() -> None:
    memory = ClipMemory()
    for second in range(15):
        memory.add(restored(float(second)))
        wait_for(memory, second)
    assert [moment.t for moment in memory.moments()] == [float(second) for second in range(4, 15)]
    memory.clear()
    assert memory.moments() == ()
    memory.close()
    assert not memory._thread.is_alive()


def test_a_frame_of_the_source_before_is_not_kept() -> None:
    memory = ClipMemory(lambda: 10.0)
    memory.clear()
    memory.add(restored(9.9))  # it was still being restored
    while memory._next is not None:
        memory._thread.join(0.01)
    memory.add(restored(10.1))
    wait_for(memory, 10.1)
    assert len(memory.moments()) == 1
    memory.close()


@pytest.mark.parametrize("size", [(2000, 1), (20, 33000), (1080, 40000)])
def test_a_picture_of_any_shape_can_be_kept(size: tuple[int, int]) -> None:
    before, after = kept(restored(0.0, size=size)).pictures()
    assert before.shape == after.shape
    assert before.mean() == pytest.approx(60, abs=3)


def test_a_frame_that_cannot_be_kept_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_the_first(frame: Restored) -> Moment:
        if frame.frame.t_capture == 1.0:
            raise cv2.error("too large")
        return kept(frame)

    monkeypatch.setattr("app.outputs.sharing.clip.kept", refuse_the_first)
    memory = ClipMemory()
    memory.add(restored(1.0))
    while memory._next is not None:
        memory._thread.join(0.01)
    memory.add(restored(2.0))
    wait_for(memory, 2.0)
    memory.close()


def test_a_cancelled_clip_ends_before_the_next_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments, drawn, pictures = noisy_moments(2.0), [], Moment.pictures
    monkeypatch.setattr(Moment, "pictures", lambda self: drawn.append(self) or pictures(self))
    with pytest.raises(RecordingError, match="cancelled"):
        make_clip(moments, tmp_path / "clip.mp4", cancelled=lambda: True)
    assert len(drawn) == 1
    assert list(tmp_path.iterdir()) == []
