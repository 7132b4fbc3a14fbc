"""Recordings of television, MPEG transport streams: their sound fits the new container, their clock begins at 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.batch.videos.restore import restore_video
from app.core.types import Frame, Restored
from tests.media_files import number_of, numbered_picture, write_video

RATE = 48000
PACKET_BYTES = 188


def same(frame: Frame) -> Restored:
    return Restored(frame=frame, image=frame.image, k=1)


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    with av.open(str(path)) as container:
        yield container


def broadcast(path: Path, *, layout: str = "stereo", start_s: int = 0, latm: bool = False) -> Path:
    """A second of pictures and of a tone as AAC, whose time stamps begin at `start_s`."""
    options = {"mpegts_copyts": "1", **({"mpegts_flags": "latm"} if latm else {})}
    with av.open(str(path), "w", format="mpegts", options=options) as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "12"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout=layout)
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(45 * 1024) / RATE)).astype(np.float32)
        for place in range(0, len(tone), 1024):
            block = np.tile(tone[place : place + 1024], (sound.codec_context.layout.nb_channels, 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, start_s * RATE + place, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        for index in range(25):
            picture = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24")
            picture.pts, picture.time_base = start_s * 25 + index, Fraction(1, 25)
            container.mux(video.encode(picture))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Transport streams one after the other; each counts its packets from the end of the one before."""
    data = bytearray(b"".join(part.read_bytes() for part in parts))
    count: dict[int, int] = {}
    for at in range(0, len(data), PACKET_BYTES):
        stream = int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
        count[stream] = count.get(stream, -1) + (data[at + 3] >> 4 & 1)  # only what has a payload is counted
        data[at + 3] = data[at + 3] & 0xF0 | count[stream] & 0x0F
    path.write_bytes(data)
    return path


def places_of(path: Path, kind: str) -> list[int]:
    """Where the packets of 188 bytes begin that hold the pictures ("video") or the sound ("audio")."""
    with opened(path) as container:
        (wanted,) = (stream.id for stream in container.streams if stream.type == kind)
    data = path.read_bytes()
    places = range(0, len(data), PACKET_BYTES)
    return [at for at in places if int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF == wanted]


def without(path: Path, *places: int) -> Path:
    """A copy of a transport stream in which the packets at `places` are lost."""
    data = bytearray(path.read_bytes())
    for at in sorted(places, reverse=True):
        del data[at : at + PACKET_BYTES]
    copy = path.with_stem(f"{path.stem}-damaged")
    copy.write_bytes(data)
    return copy


def heard(path: Path) -> np.ndarray:
    with opened(path) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def beginnings(path: Path) -> tuple[float, float]:
    """When the pictures and the sound begin."""
    with opened(path) as container:
        picture = next(container.decode(video=0))
    with opened(path) as container:
        return float(picture.time), float(next(container.decode(audio=0)).time)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_its_aac_is_copied(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "in.ts", [numbered_picture(i) for i in range(25)], sound=True)
    assert restore_video(tmp_path / "in.ts", tmp_path / name, same).notes == ()
    with opened(tmp_path / "in.ts") as before, opened(tmp_path / name) as after:
        assert after.streams.audio[0].codec_context.name == "aac"
        assert after.streams.audio[0].codec_context.extradata
        counts = [sum(packet.size > 0 for packet in each.demux(audio=0)) for each in (before, after)]
        assert counts[0] == counts[1] > 40
    samples = heard(tmp_path / name)
    assert len(samples) == len(heard(tmp_path / "in.ts"))
    spectrum = np.abs(np.fft.rfft(samples[8000:32000]))
    assert spectrum.argmax() * RATE / 24000 == pytest.approx(440, abs=3)


def test_sound_that_is_encoded_anew_may_change_its_channels(tmp_path: Path) -> None:
    parts = [
        broadcast(tmp_path / f"{at}.ts", layout=layout, start_s=at, latm=True)
        for at, layout in enumerate(("stereo", "mono"))
    ]
    source = joined(tmp_path / "in.ts", *parts)
    with opened(source) as container:
        assert {frame.layout.name for frame in container.decode(audio=0)} == {"stereo", "mono"}
    result = restore_video(source, tmp_path / "out.mp4", same)
    assert result.frames == 50
    assert ["became AAC" in str(note) for note in result.notes] == [True]
    with opened(tmp_path / "out.mp4") as container:
        times = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0)]
    assert times[-1][0] == pytest.approx(2 - 0.06, abs=0.06)
    for begin_s in (0.2, 1.2):
        assert min(level for time, level in times if begin_s < time < begin_s + 0.6) > 0.1


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("start_s", [2, 20000])
def test_its_clock_begins_at_0_in_the_result(tmp_path: Path, name: str, start_s: int) -> None:
    source = broadcast(tmp_path / "in.ts", start_s=start_s)
    restore_video(source, tmp_path / name, same)
    picture, sound = beginnings(tmp_path / name)
    before = beginnings(source)
    assert before[0] > start_s - 0.1
    assert min(picture, sound) == pytest.approx(0, abs=0.03)
    assert picture - sound == pytest.approx(before[0] - before[1], abs=0.002)
    with opened(tmp_path / name) as container:
        assert container.duration / av.time_base < 1.2
        frames = list(container.decode(video=0))
    assert [number_of(frame.to_ndarray(format="bgr24")) for frame in frames] == list(range(25))
    assert frames[-1].time - frames[0].time == pytest.approx(24 / 25, abs=0.002)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_lost_packet_of_sound_costs_no_more_than_its_moment(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "in.ts", [numbered_picture(i) for i in range(50)], sound=True)
    whole = heard(tmp_path / "in.ts")
    places = places_of(tmp_path / "in.ts", "audio")
    for place in places[20:120:9]:
        source = without(tmp_path / "in.ts", place)
        assert restore_video(source, tmp_path / name, same, overwrite=True).frames == 50
        with opened(tmp_path / name) as container:
            end_s = max(float(packet.pts * packet.time_base) for packet in container.demux(audio=0) if packet.size)
        assert end_s == pytest.approx(len(whole) / RATE, abs=0.1)
