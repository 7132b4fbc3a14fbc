"""The sound of a file: in step in recordings, at the right place after a pause, a seek and a loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import UnreadableMediaError
from app.media.videos.sound_reader import SOUND_RATE, SoundReader
from app.outputs.recordings.microphone import AudioBlock, decibel_scale
from app.outputs.speaker import SoundQueue
from app.pipeline.capture.playback import Anchor, Timeline
from app.pipeline.live.file_sound import FileSound, SourceSound
from benchmarks.sound_step import record
from tests.media_files import numbered_picture, write_video
from tools.beeps import steps_ms, write_beeps


@pytest.fixture(scope="module")
def beeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("beeps") / "beeps.mp4"
    write_beeps(path, seconds=12)
    return path


def loud(samples: np.ndarray) -> list[bool]:
    """Whether each tenth of a second is a beep."""
    tenth = SOUND_RATE // 10
    return [bool(np.abs(samples[i : i + tenth]).mean() > 0.1) for i in range(0, len(samples) - tenth + 1, tenth)]


def test_a_recording_is_in_step_from_beginning_to_end(beeps: Path, tmp_path: Path) -> None:
    record(beeps, tmp_path / "recorded.mp4")
    steps = steps_ms(tmp_path / "recorded.mp4")
    assert len(steps) == 12
    assert np.abs(steps).max() < 40


def test_every_place_of_a_file_can_be_heard(beeps: Path) -> None:
    reader = SoundReader(beeps)
    assert loud(reader.read(SOUND_RATE)) == [True, True] + [False] * 8
    reader.seek(5.9)
    assert loud(reader.read(SOUND_RATE // 2)) == [False, True, True, False, False]
    reader.seek(11.5)
    assert not any(loud(reader.read(SOUND_RATE * 2))), "behind the end there is silence"
    reader.close()


@pytest.mark.parametrize(("name", "rate"), [("film.mkv", 48000), ("film.mkv", 44100), ("film.mp4", 44100)])
def test_a_tone_is_read_without_a_break(tmp_path: Path, name: str, rate: int) -> None:
    """Three samples of a tone in a row tell a break: the outer ones are together a multiple of the middle one."""
    write_video(tmp_path / name, [numbered_picture(i) for i in range(50)], sound=True, rate=rate)
    reader = SoundReader(tmp_path / name)
    for place_s in (0.0, 0.7):
        reader.seek(place_s)
        tone = reader.read(SOUND_RATE)[:, 0]
        between = 2 * np.cos(2 * np.pi * 440 / SOUND_RATE) * tone[1:-1]
        assert np.abs(tone).max() > 0.2
        assert np.abs(tone[2:] + tone[:-2] - between).max() < 0.01
    reader.close()


def test_a_file_without_sound_says_so(tmp_path: Path) -> None:
    write_video(tmp_path / "mute.mp4", [numbered_picture(i) for i in range(5)])
    with pytest.raises(UnreadableMediaError, match="no sound"):
        SoundReader(tmp_path / "mute.mp4")


def test_pauses_are_silent_and_a_seek_is_heard_at_its_moment(beeps: Path) -> None:
    now = 50.0
    timeline = Timeline()
    sound = FileSound(beeps, timeline, clock=lambda: now)
    timeline.set(Anchor(wall_s=50.0, place_s=0.0, running=True))
    sound.start()
    timeline.set(Anchor(wall_s=50.5, place_s=0.5, running=False))
    timeline.set(Anchor(wall_s=51.0, place_s=3.9, running=True))
    now = 51.5
    blocks = sound.read()
    track = np.zeros((round(1.5 * SOUND_RATE), 2), np.float32)
    for block in blocks:
        first = round((block.t_capture - 50.0) * SOUND_RATE)
        track[first : first + len(block.samples)] = block.samples
    expected = [True, True, False, False, False] + [False] * 5 + [False, True, True, False, False]
    assert loud(track) == expected
    now = 51.75
    sound.stop()
    now = 52.0
    rest = sound.read()
    assert sum(len(block.samples) for block in rest) == round(0.25 * SOUND_RATE), "until it was stopped"
    assert sound.read() == []


def test_a_recording_that_outlives_its_file_is_silent_from_there_on(beeps: Path) -> None:
    now = 50.0
    timeline = Timeline()
    timeline.set(Anchor(wall_s=50.0, place_s=0.0, running=True))
    source = SourceSound(timeline, make_speaker=lambda: None, clock=lambda: now)
    source.follow(beeps, play=False)
    sound = source.for_recording()
    assert sound is not None
    sound.start()
    now = 50.5
    source.follow(beeps, play=False)  # its status again
    assert sum(len(block.samples) for block in sound.read()) == SOUND_RATE // 2
    source.follow(None, play=False)
    timeline.set(Anchor(wall_s=50.6, place_s=0.0, running=True))
    now = 52.0
    assert sound.read() == []
    sound.stop()
    assert sound.read() == []
    source.close()


def test_a_seek_is_told_in_the_read_that_follows_it(beeps: Path) -> None:
    now = 50.0
    timeline = Timeline()
    timeline.set(Anchor(wall_s=50.0, place_s=0.0, running=True))
    turns: list[float] = []
    sound = FileSound(beeps, timeline, ahead_s=0.25, on_turn=turns.append, clock=lambda: now)
    sound.start()
    assert sound.read()
    assert turns == []
    timeline.set(Anchor(wall_s=50.0, place_s=5.0, running=True))
    timeline.set(Anchor(wall_s=50.1, place_s=7.0, running=True))
    blocks = sound.read()
    assert turns == [50.0], "what was read ahead is wrong from here on"
    assert blocks[0].t_capture == 50.0, "and is read again"


class KeptSound(SoundQueue):
    """A loudspeaker that only queues what it is to play."""

    def __init__(self) -> None:
        super().__init__(rate=SOUND_RATE, channels=2)
        self.started = self.stopped = self.forgot = False
        self._until = 0.0
        self._changed = threading.Condition()

    def start(self) -> None:
        self.started = True

    def write(self, block: AudioBlock) -> None:
        super().write(block)
        with self._changed:
            self._until = block.t_capture + len(block.samples) / SOUND_RATE
            self._changed.notify_all()

    def forget_after(self, t: float) -> None:
        super().forget_after(t)
        with self._changed:
            self.forgot = True
            self._changed.notify_all()

    def stop(self) -> None:
        self.stopped = True

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 20), f"sound until {self._until} s"

    def wait_for_sound_until(self, t: float) -> None:
        self.wait_until(lambda: self._until >= t - 1e-3)


def test_the_sound_of_the_source_is_played_ahead_and_a_pause_silences_what_waits(beeps: Path) -> None:
    now = 50.0
    timeline = Timeline()
    timeline.set(Anchor(wall_s=50.0, place_s=0.0, running=True))
    speaker = KeptSound()
    sound = SourceSound(timeline, make_speaker=lambda: speaker, clock=lambda: now)
    sound.follow(beeps, play=False)
    assert not speaker.started
    sound.follow(beeps, play=True)
    speaker.wait_for_sound_until(50.25)
    now = 51.9
    speaker.wait_for_sound_until(52.15)
    assert speaker.started
    heard = speaker.take(round(1.9 * SOUND_RATE), 50.0)
    assert loud(heard) == [True, True] + [False] * 8 + [True, True] + [False] * 7
    timeline.set(Anchor(wall_s=51.9, place_s=1.9, running=False))
    speaker.wait_until(lambda: speaker.forgot)
    assert not speaker.take(round(0.3 * SOUND_RATE), 51.9).any(), "the beep of the third second is not heard"
    assert not speaker.stopped
    sound.close()
    assert speaker.stopped


def block(t: float, value: float, count: int = 480) -> AudioBlock:
    return AudioBlock(samples=np.full((count, 2), value, np.float32), t_capture=t)


def test_the_speaker_plays_every_block_at_its_moment() -> None:
    queue = SoundQueue(rate=48000, channels=2)
    queue.write(block(10.05, 0.5))
    queue.write(block(10.06, 0.25))
    heard = queue.take(4800, 10.0)[:, 0]
    assert np.flatnonzero(heard)[0] == pytest.approx(0.05 * 48000, abs=2)
    assert heard[2400:2880] == pytest.approx(0.5)
    assert heard[2880:3360] == pytest.approx(0.25)
    assert not heard[3400:].any()


def test_what_comes_too_late_is_left_out_and_a_seek_silences_what_waits() -> None:
    queue = SoundQueue(rate=48000, channels=2)
    queue.write(block(10.0, 0.5, 4800))
    assert queue.take(480, 10.05)[:, 0] == pytest.approx(0.5)
    queue.forget_after(10.08)
    rest = queue.take(4800, 10.06)[:, 0]
    assert rest[:960] == pytest.approx(0.5)
    assert not rest[960:].any()


def test_the_level_is_on_a_scale_of_decibels() -> None:
    assert decibel_scale(0.0) == 0.0
    assert decibel_scale(1.0) == 1.0
    assert decibel_scale(0.001) == pytest.approx(0.0, abs=1e-6)
    assert decibel_scale(0.1) == pytest.approx(2 / 3)
