"""Reading the sound of recordings of television: channels that change, a beginning between two key frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.media.videos.sound_reader import SOUND_RATE, SoundReader
from app.media.videos.video_reader import VideoReader
from tests.media_files import number_of, numbered_picture


def broadcast(path: Path, layout: str, *, start_s: int) -> Path:
    """A second of a tone as AC3 in an MPEG transport stream, whose time stamps begin at `start_s`."""
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(SOUND_RATE) / SOUND_RATE).astype(np.float32)
    with av.open(str(path), "w", format="mpegts", options={"mpegts_copyts": "1"}) as container:
        stream = container.add_stream("ac3", rate=SOUND_RATE, layout=layout)
        for place in range(0, SOUND_RATE, 1536):
            block = np.tile(tone[place : place + 1536], (stream.codec_context.layout.nb_channels, 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = SOUND_RATE, start_s * SOUND_RATE + place
            frame.time_base = Fraction(1, SOUND_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("layouts", [("stereo", "5.1(side)"), ("5.1(side)", "stereo")])
def test_channels_may_change_on_the_way(tmp_path: Path, layouts: tuple[str, str]) -> None:
    parts = [broadcast(tmp_path / f"{at}.ts", layout, start_s=at) for at, layout in enumerate(layouts)]
    whole = tmp_path / "whole.ts"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = SoundReader(whole)
    samples = reader.read(2 * SOUND_RATE)
    reader.close()
    assert samples.shape == (2 * SOUND_RATE, 2)
    tenths = np.abs(samples).reshape(20, -1).max(axis=1)
    assert tenths.min() > 0.1, "both parts are heard"


def test_a_recording_is_heard_after_another_that_was_put_before_it(tmp_path: Path) -> None:
    parts = [broadcast(tmp_path / f"{at}.ts", "stereo", start_s=0) for at in range(2)]
    whole = tmp_path / "whole.ts"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = SoundReader(whole)
    samples = reader.read(2 * SOUND_RATE)
    reader.close()
    assert np.abs(samples).reshape(20, -1).max(axis=1).min() > 0.1, "both parts are heard"


def test_a_damaged_packet_silences_no_more_than_itself(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * SOUND_RATE) / SOUND_RATE).astype(np.float32)
    whole = tmp_path / "whole.mkv"
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    place = content.find(packets[80])
    content[place : place + len(packets[80])] = b"\xff" * len(packets[80])
    whole.write_bytes(content)
    reader = SoundReader(whole)
    halves = np.abs(reader.read(4 * SOUND_RATE)).reshape(8, -1).max(axis=1)
    reader.close()
    assert halves[:3].min() > 0.3
    assert halves[4:].min() > 0.3, "it goes on after the packet"


def click_among_pictures(path: Path, *, click_s: float) -> Path:
    """Three seconds of pictures, a key frame every 0.8 s, in silence but for a click at `click_s`."""
    samples = np.zeros(3 * SOUND_RATE, np.float32)
    samples[round(click_s * SOUND_RATE) :][:100] = 0.9
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0", "g": "20", "sc_threshold": "0"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for index in range(75):
            frame = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        for start in range(0, len(samples), 1024):
            block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))
    return path


def test_sound_counts_from_the_first_picture_that_can_be_decoded(tmp_path: Path) -> None:
    whole, path = click_among_pictures(tmp_path / "whole.ts", click_s=1.5), tmp_path / "middle.ts"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        copies = {each.index: target.add_stream_from_template(each, opaque=True) for each in source.streams}
        for packet in source.demux():
            if packet.dts is not None and packet.dts * packet.time_base >= 0.36:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    pictures = VideoReader(path)
    assert number_of(next(pictures.pictures()).image) == 20
    pictures.close()
    reader = SoundReader(path)
    for place_s in (0.0, 0.3):
        reader.seek(place_s)
        loud = np.flatnonzero(np.abs(reader.read(SOUND_RATE)[:, 0]) > 0.2)
        assert place_s + loud[0] / SOUND_RATE == pytest.approx(1.5 - 20 / 25, abs=0.01)
    reader.close()
