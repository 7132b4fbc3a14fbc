"""The offset between sound and picture in the recording of a video, at its start and at its end.

python benchmarks/sound_step.py [--minutes 10]

A video with a flash and a beep every second is played and recorded by the window's own parts, on a clock that runs as
fast as the encoder. The table shows the delay of the beep after the flash.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402  (the line above makes our own modules importable)

from app.core.types import Frame, Restored  # noqa: E402
from app.outputs.recordings.recorder import VideoRecorder  # noqa: E402
from app.outputs.views import FrameViews  # noqa: E402
from app.pipeline.capture.playback import Anchor, FilePlayer, Signal, Timeline  # noqa: E402
from app.pipeline.live.file_sound import FileSound  # noqa: E402
from app.sources.video import VideoSource  # noqa: E402
from tools.beeps import steps_ms, write_beeps  # noqa: E402


class FastStage:
    """A stage whose clock jumps to the time that is waited for. Every frame goes to the recorder."""

    paused = False

    def __init__(self, *, jitter_s: float) -> None:
        self.now = 100.0
        self.timeline = Timeline()
        self.recorder: VideoRecorder | None = None
        self._jitter_s = jitter_s
        self._random = np.random.default_rng(0)

    def clock(self) -> float:
        return self.now

    def wait(self, until: float) -> Signal:
        self.now = max(self.now, until) + float(self._random.uniform(0.0, self._jitter_s))
        return Signal.GO

    def show(self, frame: Frame) -> Signal:
        assert self.recorder is not None
        restored = Restored(frame=frame, image=frame.image, k=0)
        while True:
            dropped = self.recorder.state().dropped
            self.recorder.put(FrameViews(restored))
            if self.recorder.state().dropped == dropped:
                return Signal.GO
            time.sleep(0.005)

    def mark(self, anchor: Anchor) -> None:
        self.timeline.set(anchor)

    def take_seek(self) -> float:
        return 0.0


def record(source: Path, target: Path) -> None:
    """Play `source` from its beginning to its end and record it to `target`."""
    stage = FastStage(jitter_s=0.02)
    video = VideoSource(source, clock=stage.clock)
    video.open()
    sound = FileSound(source, stage.timeline, clock=stage.clock)
    player = FilePlayer(video, stage=stage, loop=False, clock=stage.clock)
    stage.recorder = VideoRecorder(
        target, (video.info.width, video.info.height), video.info.fps, mode="restored", audio=sound
    )
    stage.recorder.start()
    player.play()
    stage.recorder.finish()
    video.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "beeps.mp4", Path(folder) / "recorded.mp4"
        write_beeps(source, seconds=round(options.minutes * 60))
        record(source, target)
        own, steps = steps_ms(source), steps_ms(target)
    figures = {
        "minutes": options.minutes,
        "source_ms": float(np.median(own)),
        "start_ms": float(steps[:5].mean()),
        "end_ms": float(steps[-5:].mean()),
        "largest_ms": float(np.abs(steps).max()),
        "beeps": len(steps),
    }
    for name, value in figures.items():
        print(f"{name:12} {value:8.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
