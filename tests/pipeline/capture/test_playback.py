"""Playing a file on a stage of the test's own: what its timeline says to the sound."""

from __future__ import annotations

import pytest

from app.core.errors import UnreadableMediaError
from app.core.types import Frame
from app.pipeline.capture.playback import FilePlayer, Signal, Timeline
from app.sources.base import SourceInfo
from app.sources.video import VIDEO
from tests.media_files import numbered_picture


class Stage:
    """Frames are due at once, because the clock jumps to each."""

    paused = False

    def __init__(self) -> None:
        self.now = 100.0
        self.timeline = Timeline()
        self.mark = self.timeline.set

    def clock(self) -> float:
        return self.now

    def wait(self, until: float) -> Signal:
        self.now = max(self.now, until)
        return Signal.GO

    def show(self, frame: Frame) -> Signal:
        return Signal.GO

    def take_seek(self) -> float:
        return 0.0


class Rounds:
    """A video of three pictures, whose sound is longer: `duration_s` says so."""

    info = SourceInfo(name="video.mp4", kind=VIDEO, width=160, height=120, fps=25.0, frame_count=3, duration_s=0.5)

    def __init__(self) -> None:
        self._read = 0

    def open(self) -> None: ...

    def seek(self, seconds: float) -> None:
        self._read = 0

    def read(self) -> Frame | None:
        index, self._read = self._read, self._read + 1
        if index == 3:
            return None
        return Frame(image=numbered_picture(index), index=index, t_capture=0.0, t_media=index / 25)

    def close(self) -> None: ...


def test_the_place_in_the_file_starts_again_in_every_round() -> None:
    class Short(Stage):
        def __init__(self) -> None:
            super().__init__()
            self.shown: list[Frame] = []

        def show(self, frame: Frame) -> Signal:
            self.shown.append(frame)
            return Signal.OVER if len(self.shown) == 8 else Signal.GO

    stage = Short()
    FilePlayer(Rounds(), stage=stage, loop=True, clock=stage.clock).play()
    assert [frame.t_media for frame in stage.shown] == pytest.approx([number / 25 for number in range(8)])
    assert [frame.place_s for frame in stage.shown] == pytest.approx([number % 3 / 25 for number in range(8)])


class BreaksOff:
    """A video whose fourth picture is damaged."""

    info = SourceInfo(name="video.mp4", kind=VIDEO, width=160, height=120, fps=25.0)

    def __init__(self) -> None:
        self._read = 0

    def open(self) -> None: ...

    def read(self) -> Frame | None:
        self._read += 1
        if self._read == 4:
            raise UnreadableMediaError("It breaks off.")
        index = self._read - 1
        return Frame(image=numbered_picture(index), index=index, t_capture=0.0, t_media=index / 25)

    def close(self) -> None: ...


def test_the_sound_ends_with_a_picture_that_failed() -> None:
    stage = Stage()
    player = FilePlayer(BreaksOff(), stage=stage, loop=False, clock=stage.clock)
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        player.play()
    last = stage.timeline.since(0)[1][-1]
    assert not last.running
    assert last.place_s == pytest.approx(2 / 25)
