from __future__ import annotations

import sys
import time
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.outputs import portaudio
from app.outputs.recordings.microphone import (
    AudioBlock,
    Microphone,
    Samples,
    SoundAligner,
    list_microphones,
    open_meter,
    open_microphone,
)
from app.outputs.speaker import open_speaker

RATE = 48000


def block(t_capture: float, count: int = 960, value: float = 0.5) -> AudioBlock:
    return AudioBlock(samples=np.full((count, 1), value, np.float32), t_capture=t_capture)


def aligner() -> SoundAligner:
    return SoundAligner(rate=RATE, channels=1, t_zero=10.0)


def aligned(sound: SoundAligner, block: AudioBlock) -> Samples:
    return np.concatenate(list(sound.align(block)))


def test_steady_blocks_pass_untouched() -> None:
    sound = aligner()
    for i in range(100):
        assert len(aligned(sound, block(10.0 + i * 0.02))) == 960
    assert sound.written == 96000


def test_what_was_heard_before_the_first_picture_is_left_out() -> None:
    sound = aligner()
    assert len(aligned(sound, block(9.9))) == 0
    assert len(aligned(sound, block(9.99))) == 480
    assert len(aligned(sound, block(10.01))) == 960


def test_sound_that_starts_late_begins_with_silence() -> None:
    samples = aligned(aligner(), block(10.5))
    assert len(samples) == 24000 + 960
    assert (samples[:24000] == 0).all()
    assert (samples[24000:] == 0.5).all()


def test_jitter_changes_nothing() -> None:
    sound = aligner()
    rng = np.random.default_rng(0)
    lengths = [len(aligned(sound, block(10.0 + i * 0.02 + rng.uniform(0, 0.03)))) for i in range(50)]
    assert set(lengths[1:]) == {960}


def test_lost_blocks_become_silence_of_their_length() -> None:
    sound = aligner()
    aligned(sound, block(10.0))
    samples = aligned(sound, block(10.52))
    assert len(samples) == 24000 + 960
    assert (samples[:24000] == 0).all()


def test_the_silence_of_a_long_pause_comes_in_pieces() -> None:
    sound = aligner()
    assert len(aligned(sound, block(10.0))) == 960
    total = longest = 0
    for piece in sound.align(block(610.0)):
        total += len(piece)
        longest = max(longest, len(piece))
        assert sound.written == 960 + total
    assert total == 600 * RATE
    assert longest <= RATE


@pytest.mark.parametrize("drift", [0.0005, -0.0005])
def test_a_sound_card_with_another_clock_stays_in_step_for_an_hour(drift: float) -> None:
    sound = aligner()
    worst = 0.0
    for i in range(180_000 // 20):
        t = 10.0 + i * 0.4 * (1 + drift)
        aligned(sound, block(t, count=19200))
        worst = max(worst, abs((t + 0.4 - 10.0) * RATE - sound.written) / RATE)
    assert worst < 0.1


class FakeStream:
    def __init__(self, **options: object) -> None:
        self.options = options
        self.closed = False

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_a_block_is_dated_back_to_when_it_was_heard() -> None:
    microphone = Microphone(SimpleNamespace(InputStream=FakeStream), clock=lambda: 100.0)
    times = SimpleNamespace(currentTime=7.0, inputBufferAdcTime=6.95)
    microphone._stream.options["callback"](np.ones((960, 1), np.float32), 960, times, None)
    (heard,) = microphone.read()
    assert heard.t_capture == pytest.approx(99.95)
    assert microphone.read() == []


def test_a_device_that_does_not_tell_times_is_dated_by_its_length() -> None:
    microphone = Microphone(SimpleNamespace(InputStream=FakeStream), clock=lambda: 100.0)
    times = SimpleNamespace(currentTime=0.0, inputBufferAdcTime=0.0)
    microphone._stream.options["callback"](np.ones((960, 1), np.float32), 960, times, None)
    assert microphone.read()[0].t_capture == pytest.approx(99.98)


def test_stopping_twice_is_harmless() -> None:
    microphone = Microphone(SimpleNamespace(InputStream=FakeStream))
    microphone.stop()
    microphone.stop()
    assert microphone._stream.closed


def test_a_microphone_that_is_listed_twice_is_the_chosen_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which lists it for each of its sound systems."""
    listed = [("Webcam", 1), ("USB Headset", 1), ("Loudspeaker", 0), ("USB Headset", 1)]
    devices = [{"index": i, "name": name, "max_input_channels": inputs} for i, (name, inputs) in enumerate(listed)]
    sounddevice = SimpleNamespace(
        query_devices=lambda: devices,
        default=SimpleNamespace(device=(0, 2)),
        InputStream=FakeStream,
        PortAudioError=RuntimeError,
        _initialized=0,
        _initialize=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    assert list_microphones() == ("Webcam", "USB Headset")
    microphone = open_microphone("USB Headset")
    assert isinstance(microphone, Microphone)
    assert (microphone._stream.options["device"], microphone.in_place_of) == (1, "")


def test_a_microphone_of_another_rate_is_recorded_at_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """PortAudio resamples nothing that a device delivers."""

    class Stream(FakeStream):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if options["samplerate"] != 44100:
                raise RuntimeError("Invalid sample rate")

    devices = [{"index": 0, "name": "USB Mic", "max_input_channels": 1, "default_samplerate": 44100.0}]
    sounddevice = SimpleNamespace(
        query_devices=lambda *which: devices[0] if which else devices,
        default=SimpleNamespace(device=(0, 1)),
        InputStream=Stream,
        PortAudioError=RuntimeError,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    microphone = open_microphone("USB Mic")
    assert isinstance(microphone, Microphone)
    assert (microphone.rate, microphone.in_place_of) == (44100, "")
    devices[0]["default_samplerate"] = 48000.0
    assert open_microphone("USB Mic") is None, "its own rate is the one that it refused"


class PluggedIn:
    """A `sounddevice` that sees what is in `plugged_in` when it starts, as PortAudio does."""

    InputStream = FakeStream
    PortAudioError = RuntimeError
    default = SimpleNamespace(device=(0, 1))

    def __init__(self) -> None:
        self.plugged_in: list[str] = []
        self._initialized = 0
        self._initialize()

    def _initialize(self) -> None:
        self._seen = list(self.plugged_in)
        self._initialized += 1

    def _terminate(self) -> None:
        if not self._initialized:
            raise RuntimeError("PortAudio not initialized")
        self._initialized -= 1

    def query_devices(self) -> list[dict[str, Any]]:
        return [{"index": i, "name": name, "max_input_channels": 1} for i, name in enumerate(self._seen)]


def test_a_microphone_that_is_plugged_in_later_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    sounddevice = PluggedIn()
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    monkeypatch.setattr(portaudio, "_streams", weakref.WeakSet())  # other tests leave theirs open
    assert list_microphones() == ()
    sounddevice.plugged_in = ["Webcam"]
    assert list_microphones() == ("Webcam",)
    listened_to = open_meter("Webcam")
    assert listened_to is not None
    sounddevice.plugged_in = ["Webcam", "USB Headset"]
    assert list_microphones() == ("Webcam",), "PortAudio does not start anew while one is listened to"
    listened_to.close()
    assert list_microphones() == ("Webcam", "USB Headset")
    assert sounddevice._initialized == 1


def test_the_level_shown_is_never_another_microphones(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(FakeStream):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if options["device"] == "gone":
                raise ValueError("no such device")

    sounddevice = SimpleNamespace(
        query_devices=list, default=SimpleNamespace(device=(0, 1)), InputStream=Stream, PortAudioError=RuntimeError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    standing_in = open_microphone("gone")
    assert isinstance(standing_in, Microphone)
    assert standing_in.in_place_of == "gone"
    assert open_meter("gone") is None
    meter = open_meter("")
    assert meter is not None
    meter.close()


def test_without_sounddevice_there_is_no_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert open_microphone() is None


def test_without_a_device_there_is_no_microphone() -> None:
    sounddevice = pytest.importorskip("sounddevice")
    if any(device["max_input_channels"] for device in sounddevice.query_devices()):
        pytest.skip("this machine has a microphone")
    assert open_microphone() is None


def test_a_real_microphone_is_heard_by_its_name_and_in_time() -> None:
    names = list_microphones()
    microphone = open_microphone(names[0]) if names else None
    if microphone is None:
        pytest.skip("this machine has no microphone")
    began = time.perf_counter()
    microphone.start()
    blocks: list[AudioBlock] = []
    while sum(len(each.samples) for each in blocks) < RATE and time.perf_counter() - began < 20:
        blocks += microphone.read()
        time.sleep(0.02)
    microphone.stop()
    ended = time.perf_counter()
    samples = np.concatenate([each.samples for each in blocks])
    assert len(samples) >= RATE, "no second of sound came in twenty"
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1
    times = [each.t_capture for each in blocks]
    assert times == sorted(times)
    assert began - 1 < times[0] < times[-1] < ended


def test_a_real_loudspeaker_takes_sound() -> None:
    speaker = open_speaker()
    if speaker is None:
        pytest.skip("this machine has no loudspeaker")
    speaker.start()
    now = time.perf_counter()
    for number in range(10):
        samples = np.zeros((960, 2), np.float32)
        speaker.write(AudioBlock(samples=samples, t_capture=now + 0.1 + number * 0.02))
    time.sleep(0.4)
    speaker.forget_after(now)
    speaker.stop()
    speaker.stop()
