"""Sound of a recording: the microphone, and keeping samples synchronised with capture times."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.outputs.portaudio import look_for_devices, open_stream

Samples = NDArray[np.float32]

_RATE = 48000
_BLOCK = 960
_MOST_WAITING_BLOCKS = 500
_LONGEST_SILENCE_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class AudioBlock:
    """Sound: `samples` float32 (N, channels) in -1 to 1, the first captured at `t_capture` (`time.perf_counter()`)."""

    samples: Samples
    t_capture: float


class AudioInput(Protocol):
    """A source of sound between `start` and `stop`."""

    @property
    def rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    def start(self) -> None: ...

    def read(self) -> list[AudioBlock]:
        """Return the blocks since the last call; never blocks."""

    def stop(self) -> None:
        """Stop delivering; may be called twice."""


class SoundAligner:
    """Turns blocks with capture times into one gapless track from `t_zero` on.

    The clock of a sound card and that of the pictures drift apart, and a device may lose blocks. While the track is
    within `tolerance_s` of its place samples pass unchanged; beyond it silence is inserted or samples dropped, once.
    """

    def __init__(self, *, rate: int, channels: int, t_zero: float, tolerance_s: float = 0.03) -> None:
        self._rate = rate
        self._channels = channels
        self._t_zero = t_zero
        self._tolerance = round(tolerance_s * rate)
        self.written = 0

    def align(self, block: AudioBlock) -> Iterator[Samples]:
        """Yield the samples to append to the track for `block`, float32 (N, channels); possibly none.

        The silence of a long pause comes in pieces of a second, so that nobody has to hold or write it at once.
        """
        samples = block.samples
        late = round((block.t_capture - self._t_zero) * self._rate) - self.written
        is_first = self.written == 0
        if late > (0 if is_first else self._tolerance):
            longest = round(_LONGEST_SILENCE_S * self._rate)
            for start in range(0, late, longest):
                yield self._counted(np.zeros((min(longest, late - start), self._channels), np.float32))
        elif late < (0 if is_first else -self._tolerance):
            samples = samples[-late:]
        yield self._counted(samples)

    def _counted(self, samples: Samples) -> Samples:
        self.written += len(samples)
        return samples


class Microphone:
    """A microphone through the module `sounddevice`, passed in.

    `device` is its number, or words of its name that no other has; None is the system's choice. `in_place_of` is the
    name of the one that it stands in for, "" for none.
    """

    def __init__(
        self,
        sounddevice: Any,
        *,
        device: int | str | None = None,
        in_place_of: str = "",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.in_place_of = in_place_of
        self._clock = clock
        self._blocks: deque[AudioBlock] = deque(maxlen=_MOST_WAITING_BLOCKS)
        self._lock = threading.Lock()
        self.rate = _RATE
        self.channels = 1
        try:
            self._stream = self._opened(sounddevice, device)
        except sounddevice.PortAudioError:  # some devices have a single rate, and nothing resamples what they deliver
            self.rate = int(sounddevice.query_devices(device, "input")["default_samplerate"])
            if self.rate == _RATE:
                raise
            self._stream = self._opened(sounddevice, device)

    def _opened(self, sounddevice: Any, device: int | str | None) -> Any:
        return open_stream(
            sounddevice.InputStream,
            samplerate=self.rate, channels=1, dtype="float32", blocksize=_BLOCK, device=device, callback=self._take,
        )  # fmt: skip

    def start(self) -> None:
        self._stream.start()

    def read(self) -> list[AudioBlock]:
        with self._lock:
            blocks = list(self._blocks)
            self._blocks.clear()
        return blocks

    def stop(self) -> None:
        if not self._stream.closed:
            self._stream.stop()
            self._stream.close()

    def _take(self, samples: Samples, count: int, times: Any, status: object) -> None:
        # The device reports the age of the first sample, on a clock of its own.
        ago_s = times.currentTime - times.inputBufferAdcTime
        if not 0.0 < ago_s < 1.0:
            ago_s = count / self.rate
        block = AudioBlock(samples=samples.copy(), t_capture=self._clock() - ago_s)
        with self._lock:
            self._blocks.append(block)


class LevelMeter:
    """Measures a microphone's level. Reads it on every `level`."""

    def __init__(self, audio: AudioInput) -> None:
        self._audio = audio
        audio.start()

    def level(self) -> float:
        """Return the peak since the last call, 0 (-60 dB or less) to 1 (full scale), linear in decibels."""
        peak = max((float(np.abs(block.samples).max(initial=0.0)) for block in self._audio.read()), default=0.0)
        return decibel_scale(peak)

    def close(self) -> None:
        self._audio.stop()


def decibel_scale(peak: float, *, floor_db: float = -60.0) -> float:
    """Map a peak of 0 to 1 to its share of the range from `floor_db` to full scale."""
    if peak <= 0.0:
        return 0.0
    return min(max(1.0 - 20.0 * float(np.log10(peak)) / floor_db, 0.0), 1.0)


def list_microphones() -> tuple[str, ...]:
    """Return the microphones' names, the system's choice first; none without `sounddevice`.

    One that was plugged in meanwhile is found when nothing is listened to or played, see `look_for_devices`.
    """
    try:
        import sounddevice

        look_for_devices(sounddevice)
        return tuple(_numbers(sounddevice))
    except (ImportError, OSError):
        return ()
    except sounddevice.PortAudioError as error:
        _log.info("The microphones cannot be listed: %s", error)
        return ()


def _numbers(sounddevice: Any) -> dict[str, int]:
    """Return the number of every microphone by its name, the system's choice first. Raises PortAudioError.

    Windows lists a microphone once for each of its sound systems, the usual one first, which is taken.
    """
    default = sounddevice.default.device[0]
    numbers: dict[str, int] = {}
    for device in sorted(sounddevice.query_devices(), key=lambda device: device["index"] != default):
        if device["max_input_channels"] > 0:
            numbers.setdefault(str(device["name"]), device["index"])
    return numbers


def open_meter(name: str) -> LevelMeter | None:
    """Measure the microphone called `name`, "" for the system's choice; None when that one does not open."""
    audio = open_microphone(name)
    if audio is None:
        return None
    import sounddevice

    try:
        if not audio.in_place_of:
            return LevelMeter(audio)
    except sounddevice.PortAudioError as error:
        _log.info("The microphone %s cannot be listened to: %s", name, error)
    audio.stop()
    return None


def open_microphone(name: str = "") -> Microphone | None:
    """Open the microphone called `name`, else the system's choice; None without `sounddevice` or a working device."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        _log.info("No sound is recorded: %s", error)
        return None
    if name:
        try:
            return Microphone(sounddevice, device=_numbers(sounddevice).get(name, name))
        except (sounddevice.PortAudioError, ValueError) as error:
            _log.warning("The microphone %s does not open, the system's choice is used: %s", name, error)
    try:
        return Microphone(sounddevice, in_place_of=name)
    except (sounddevice.PortAudioError, ValueError) as error:
        _log.info("The microphone of the system does not open: %s", error)
        return None
