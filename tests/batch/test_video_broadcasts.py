"""Recordings of television, MPEG transport streams: their sound fits the new container, their clock begins at 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
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


def broadcast(
    path: Path, *, layout: str = "stereo", start_s: int = 0, seconds: int = 1, first: int = 0, latm: bool = False
) -> Path:
    """`seconds` of pictures, numbered from `first`, and of a tone as AAC, whose time stamps begin at `start_s`."""
    options = {"mpegts_copyts": "1", **({"mpegts_flags": "latm"} if latm else {})}
    with av.open(str(path), "w", format="mpegts", options=options) as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "12", "g": "25"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout=layout)
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(45 * seconds * 1024) / RATE)).astype(np.float32)
        for place in range(0, len(tone), 1024):
            block = np.tile(tone[place : place + 1024], (sound.codec_context.layout.nb_channels, 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, start_s * RATE + place, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        for index in range(25 * seconds):
            picture = av.VideoFrame.from_ndarray(numbered_picture(first + index), format="bgr24")
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


def shown(path: Path) -> list[tuple[float, int]]:
    """When the pictures are shown, in seconds, and their numbers."""
    with opened(path) as container:
        frames = container.decode(video=0)
        return [(float(frame.time), number_of(frame.to_ndarray(format="bgr24"))) for frame in frames]


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


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("starts_s", [(0, 0), (500, 0), (20000, 2), (2, 20000), (20000, 500, 0)])
def test_recordings_that_were_joined_go_on_one_after_the_other(
    tmp_path: Path, name: str, starts_s: tuple[int, ...]
) -> None:
    parts = [
        broadcast(tmp_path / f"{at}.ts", start_s=start_s, seconds=3, first=75 * at)
        for at, start_s in enumerate(starts_s)
    ]
    source = joined(tmp_path / "in.ts", *parts)
    result = restore_video(source, tmp_path / name, same)
    assert (result.frames, result.notes) == (75 * len(parts), ())
    times, numbers = zip(*shown(tmp_path / name), strict=True)
    assert numbers == tuple(range(75 * len(parts)))
    assert max(second - first for first, second in pairwise(times)) < 0.25  # the sound of a part is a little longer
    with opened(tmp_path / name) as container:
        sound_s = [float(frame.time) for frame in container.decode(audio=0)]
    assert max(second - first for first, second in pairwise(sound_s)) < 0.25
    assert sound_s[-1] == pytest.approx(times[-1], abs=0.2)
    assert times[-1] == pytest.approx(3 * len(parts), abs=0.4)


def test_one_wrong_time_stamp_moves_nothing_else(tmp_path: Path) -> None:
    source = broadcast(tmp_path / "in.ts", start_s=1000, seconds=3)
    data = bytearray(source.read_bytes())
    begin = [at for at in places_of(source, "video") if data[at + 1] & 0x40][40]
    at = data.index(b"\0\0\1\xe0", begin) + 9  # the time stamp in the packet's header, ISO/IEC 13818-1, 2.4.3.6
    assert data[at] >> 4 == 2
    data[at] ^= 0b0010  # 2^30 ticks are far away
    source.write_bytes(data)
    restore_video(source, tmp_path / "out.mkv", same)
    before, after = shown(source), shown(tmp_path / "out.mkv")
    assert [number for _, number in after] == list(range(75))
    moved = [
        abs(second[0] - first[0] + before[0][0] - after[0][0]) for first, second in zip(before, after, strict=True)
    ]
    assert sum(step_s > 0.002 for step_s in moved) <= 1


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_lost_packets_of_pictures_cost_no_more_than_their_moments(tmp_path: Path, name: str) -> None:
    whole = broadcast(tmp_path / "in.ts", start_s=100, seconds=6)
    places = places_of(whole, "video")
    source = without(whole, *places[40 :: len(places) // 5][:4])
    result = restore_video(source, tmp_path / name, same)
    assert str(result.notes[-1]) == "it is damaged in 4 places, where pictures may be spoilt or missing"
    assert 140 <= result.frames <= 150
    pictures = shown(tmp_path / name)
    assert pictures[-1][1] == 149
    delay_s = beginnings(tmp_path / name)[0]
    assert all(time_s - delay_s == pytest.approx(number / 25, abs=0.002) for time_s, number in pictures if number > 140)
    assert len(heard(tmp_path / name)) == len(heard(whole))


def test_a_recording_goes_on_after_a_part_that_could_not_be_copied(tmp_path: Path) -> None:
    whole = broadcast(tmp_path / "in.ts", start_s=100, seconds=6)
    places, data = places_of(whole, "video"), whole.read_bytes()
    middle = places[len(places) // 2]
    whole.write_bytes(data[:middle] + bytes(4_000_000) + data[middle:])
    result = restore_video(whole, tmp_path / "out.mkv", same)
    assert 120 <= result.frames <= 150
    time_s, number = shown(tmp_path / "out.mkv")[-1]
    assert number == 149
    assert time_s == pytest.approx(149 / 25 + beginnings(tmp_path / "out.mkv")[0], abs=0.002)
