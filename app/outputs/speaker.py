"""The loudspeaker: blocks of sound, each with the time at which it is to be played."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from app.outputs.portaudio import open_stream
from app.outputs.recordings.microphone import AudioBlock, Samples

_log = logging.getLogger(__name__)


class Speaker(Protocol):
    """Plays blocks at their times."""

    def start(self) -> None: ...

    def write(self, block: AudioBlock) -> None:
        """Queue `block` to be played at its `t_capture`, which is ahead of the clock. Never blocks."""

    def forget_after(self, t: float) -> None:
        """Drop everything queued from the time `t` on."""

    def stop(self) -> None:
        """Stop playing for good; may be called twice."""


class SoundQueue:
    """The queue of a loudspeaker, by time. Thread-safe, independent of devices.

    The clock of the sound card differs from that of the pictures: within `tolerance_s` samples follow each other
    unchanged, beyond it some are dropped or silence is inserted, once.
    """

    def __init__(self, *, rate: int, channels: int, tolerance_s: float = 0.02) -> None:
        self._rate = rate
        self._channels = channels
        self._tolerance_s = tolerance_s
        self._lock = threading.Lock()
        self._blocks: deque[AudioBlock] = deque()

    def write(self, block: AudioBlock) -> None:
        with self._lock:
            self._blocks.append(block)

    def forget_after(self, t: float) -> None:
        with self._lock:
            kept = [self._cut(block, t) for block in self._blocks if block.t_capture < t]
            self._blocks = deque(block for block in kept if len(block.samples))

    def take(self, count: int, t: float) -> Samples:
        """Return float32 (count, channels) to be played from the time `t` on; silence where nothing is queued."""
        out = np.zeros((count, self._channels), np.float32)
        filled = 0
        with self._lock:
            while filled < count and self._blocks:
                block = self._blocks[0]
                early_s = block.t_capture - (t + filled / self._rate)
                if early_s > self._tolerance_s:
                    filled += min(max(round(early_s * self._rate), 1), count - filled)
                    continue
                self._blocks.popleft()
                if early_s < -self._tolerance_s:
                    block = self._behind(block, round(-early_s * self._rate))
                used = min(len(block.samples), count - filled)
                out[filled : filled + used] = block.samples[:used]
                filled += used
                if used < len(block.samples):
                    self._blocks.appendleft(self._behind(block, used))
        return out

    def _behind(self, block: AudioBlock, count: int) -> AudioBlock:
        return AudioBlock(samples=block.samples[count:], t_capture=block.t_capture + count / self._rate)

    def _cut(self, block: AudioBlock, t: float) -> AudioBlock:
        return replace(block, samples=block.samples[: max(round((t - block.t_capture) * self._rate), 0)])


class SystemSpeaker:
    """The system's loudspeaker through the module `sounddevice`, passed in."""

    def __init__(
        self, sounddevice: Any, *, rate: int, channels: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock = clock
        self._queue = SoundQueue(rate=rate, channels=channels)
        self.write, self.forget_after = self._queue.write, self._queue.forget_after
        self._stream = open_stream(
            sounddevice.OutputStream, samplerate=rate, channels=channels, dtype="float32", callback=self._give
        )

    def start(self) -> None:
        self._stream.start()

    def stop(self) -> None:
        if not self._stream.closed:
            self._stream.stop()
            self._stream.close()

    def _give(self, out: Samples, count: int, times: Any, status: object) -> None:
        # The device reports, on a clock of its own, the delay until the first sample is played.
        ahead_s = times.outputBufferDacTime - times.currentTime
        out[:] = self._queue.take(count, self._clock() + (ahead_s if 0.0 < ahead_s < 1.0 else 0.0))


def open_speaker(*, rate: int = 48000, channels: int = 2) -> Speaker | None:
    """Open the system's loudspeaker; None without `sounddevice` or a working device."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        _log.info("No sound is played: %s", error)
        return None
    try:
        return SystemSpeaker(sounddevice, rate=rate, channels=channels)
    except (sounddevice.PortAudioError, ValueError) as error:
        _log.info("No sound is played, no loudspeaker opens: %s", error)
        return None
