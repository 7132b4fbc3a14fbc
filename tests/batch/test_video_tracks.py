"""What a video holds beside its eight-bit pictures: kept where the format can hold it, named where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from app.batch.videos.restore import restore_video
from app.core.errors import UnreadableMediaError
from app.core.types import Frame, Restored
from tests.media_files import encode_jpeg, number_of, numbered_picture, write_video

TEXT = [(0, 400, "Hello"), (400, 600, "Good-bye")]


def same(frame: Frame) -> Restored:
    return Restored(frame=frame, image=frame.image, k=1)


def brighter_corner(frame: Frame) -> Restored:
    image = frame.image.copy()
    image[60:, 80:] = np.minimum(image[60:, 80:], 215) + 40
    return Restored(frame=frame, image=image, k=1)


def with_tracks(
    path: Path,
    plain: Path,
    *,
    subtitles: bool = False,
    cover: bool = False,
    second: bool = False,
    lines: Sequence[tuple[int, int, str]] = TEXT,
) -> Path:
    """`plain` copied into `path` with more tracks, the cover first as some programs write it, and chapters."""
    write_video(plain, [numbered_picture(i) for i in range(25)], sound=True)
    with av.open(str(plain)) as source, av.open(str(path), "w") as container:
        extra: list[tuple[av.stream.Stream, list[bytes], Sequence[tuple[int, int]]]] = []
        if cover and path.suffix == ".mkv":
            container.add_attachment("cover.jpg", "image/jpeg", encode_jpeg(numbered_picture(4000)))
        elif cover:
            picture = container.add_mux_stream("mjpeg", width=160, height=120)
            picture.disposition = Disposition.attached_pic
            picture.time_base = Fraction(1, 90000)
            extra.append((picture, [encode_jpeg(numbered_picture(4000))], [(0, 0)]))
        copies = {each.index: container.add_stream_from_template(each, opaque=True) for each in source.streams}
        if second:
            copies[-1] = container.add_stream_from_template(source.streams.video[0], opaque=True)
        if subtitles:
            text = container.add_mux_stream("subrip")
            text.time_base = Fraction(1, 1000)
            text.metadata["language"] = "deu"
            extra.append((text, [each[2].encode() for each in lines], [(each[0], each[1]) for each in lines]))
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
        )
        container.metadata["title"] = "Holiday"
        for stream, payloads, times in extra:
            for data, (start, length) in zip(payloads, times, strict=True):
                packet = av.Packet(data)
                packet.stream, packet.pts, packet.dts, packet.duration = stream, start, start, length
                packet.time_base = stream.time_base
                packet.is_keyframe = True
                container.mux(packet)
        for packet in source.demux():
            if packet.dts is not None:
                if second and packet.stream.type == "video":
                    again = av.Packet(bytes(packet))
                    again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
                    again.time_base, again.is_keyframe = packet.time_base, packet.is_keyframe
                    again.stream = copies[-1]
                    container.mux(again)
                packet.stream = copies[packet.stream.index]
                container.mux(packet)
    return path


def tracks(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [
            "cover" if stream.disposition & Disposition.attached_pic else stream.type for stream in container.streams
        ]


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
        return [number_of(frame.to_ndarray(format="bgr24")) for frame in container.decode(moving[0])]


def texts(path: Path) -> list[tuple[int, str]]:
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet).decode()) for packet in container.demux(subtitles=0) if packet.size]


def test_matroska_keeps_subtitles_chapters_a_second_video_and_attachments(tmp_path: Path) -> None:
    source = with_tracks(tmp_path / "in.mkv", tmp_path / "plain.mp4", subtitles=True, second=True)
    result = restore_video(source, tmp_path / "out.mkv", same)
    assert result.notes == ()
    assert sorted(tracks(tmp_path / "out.mkv")) == sorted(tracks(source)) == ["audio", "subtitle", "video", "video"]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [text for _, text in texts(tmp_path / "out.mkv")] == [text for _, _, text in TEXT]
        assert texts(tmp_path / "out.mkv") == texts(source)
        assert container.streams.subtitles[0].metadata["language"] in ("deu", "ger")
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]
        assert container.metadata["title"] == "Holiday"
    assert numbers(tmp_path / "out.mkv") == list(range(25))


def test_a_subtitle_that_stands_longer_than_the_pictures_go_hides_no_damage(tmp_path: Path) -> None:
    source = with_tracks(tmp_path / "in.mkv", tmp_path / "plain.mp4", subtitles=True)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 3 // 5])
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        restore_video(source, tmp_path / "out.mkv", same)


def test_a_subtitle_that_stands_longer_than_everything_else_is_no_damage(tmp_path: Path) -> None:
    lines = [(0, 400, "Hello"), (400, 2600, "Good-bye")]
    source = with_tracks(tmp_path / "in.mkv", tmp_path / "plain.mp4", subtitles=True, cover=True, lines=lines)
    assert restore_video(source, tmp_path / "out.mkv", same).frames == 25
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 3 // 5])
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        restore_video(source, tmp_path / "cut.mkv", same)


def test_what_mp4_cannot_hold_is_named(tmp_path: Path) -> None:
    source = with_tracks(tmp_path / "in.mkv", tmp_path / "plain.mp4", subtitles=True)
    result = restore_video(source, tmp_path / "out.mp4", same)
    (note,) = map(str, result.notes)
    assert "subtitles (srt)" in note
    assert ".mkv" in note
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_that_comes_first_is_not_taken_for_the_video(tmp_path: Path, suffix: str) -> None:
    source = with_tracks(tmp_path / "in.mp4", tmp_path / "plain.mp4", cover=True)
    assert "cover" in tracks(source)
    result = restore_video(source, tmp_path / f"out{suffix}", same)
    assert result.frames == 25
    assert numbers(tmp_path / f"out{suffix}") == list(range(25))
    assert "cover" in tracks(tmp_path / f"out{suffix}") or "cover" in str(result.notes[0])


def test_windows_media_keeps_its_sound_as_aac(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.wmv"), "w") as container:
        video = container.add_stream("wmv2", rate=25)
        video.width, video.height, video.pix_fmt, video.bit_rate = 160, 120, "yuv420p", 900_000
        sound = container.add_stream("wmav2", rate=44100, layout="stereo")
        sound.bit_rate = 128_000
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)).astype(np.float32)
        for start in range(0, 44100 - 2048, 2048):
            block = av.AudioFrame.from_ndarray(
                np.stack([tone[start : start + 2048]] * 2), format="fltp", layout="stereo"
            )
            block.sample_rate, block.pts, block.time_base = 44100, start, Fraction(1, 44100)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))
    for name in ("out.mp4", "out.mkv"):
        result = restore_video(tmp_path / "in.wmv", tmp_path / name, same)
        assert str(result.notes[0]).startswith("its sound (wmav2) became AAC")
        with av.open(str(tmp_path / name)) as container:
            heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        assert 0.85 < len(heard) / 44100 < 1.1
        spectrum = np.abs(np.fft.rfft(heard[8000:32000]))
        assert spectrum.argmax() * 44100 / 24000 == pytest.approx(440, abs=3)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_stays_where_it_is_among_the_pictures(tmp_path: Path, suffix: str) -> None:
    """A click at half a second, before and after."""
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("aac", rate=48000, layout="mono")
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        samples = np.zeros(48000, np.float32)
        samples[24000:24100] = 0.9
        for start in range(0, 48000, 1024):
            block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(block))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))

    def click_s(path: Path) -> float:
        with av.open(str(path)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
                if loud.size:
                    return float(frame.time + loud[0] / 48000 - times[0])
        raise AssertionError("no click")

    assert click_s(source) == pytest.approx(0.5, abs=0.002)
    restore_video(source, tmp_path / f"out{suffix}", same)
    assert click_s(tmp_path / f"out{suffix}") == pytest.approx(0.5, abs=0.002)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert next(container.decode(video=0)).time == pytest.approx(0, abs=0.001)


def write_pixels(path: Path, arrays: Sequence[np.ndarray[Any, Any]], pixels: str, codec: str, **options: str) -> None:
    height, width = arrays[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16
        for index, array in enumerate(arrays):
            deep = array.dtype == np.uint16
            frame = av.VideoFrame.from_ndarray(array, format="bgr48le" if deep else "bgra")
            frame = frame.reformat(format=pixels, dst_colorspace=9, dst_color_range=1)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def levels(path: Path) -> tuple[str, int, int]:
    """The pixel format, the transfer, and how many different levels of luma the first picture has."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        luma = frame.reformat(format="gray10le").to_ndarray() if "10" in frame.format.name else frame.to_ndarray()
        return frame.format.name, int(frame.color_trc), len(np.unique(luma[:60]))


@pytest.mark.parametrize("process", [same, brighter_corner])
def test_ten_bits_and_hdr_tags_are_kept(tmp_path: Path, process: Any) -> None:
    ramp = np.broadcast_to(np.linspace(20000, 30000, 160)[None, :, None], (120, 160, 3)).astype(np.uint16)
    write_pixels(tmp_path / "in.mkv", [ramp] * 5, "yuv420p10le", "libx264", crf="1")
    result = restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", process)
    assert result.notes == ()
    pixels, transfer, found = levels(tmp_path / "out.mp4")
    assert (pixels, transfer) == ("yuv420p10le", 16)
    assert found > 1.5 * 10000 / 65535 * 219  # more levels than eight bits have on that ramp
    with av.open(str(tmp_path / "out.mp4")) as container:
        after = next(container.decode(video=0)).to_ndarray(format="bgr48le", src_colorspace=9)
    changed = after.astype(int) - ramp
    assert np.abs(changed[8:50, 8:70]).max() < 700
    assert changed[70:110, 90:150].mean() == pytest.approx(40 * 257 if process is brighter_corner else 0, abs=300)


def test_ten_bits_keep_their_colours(tmp_path: Path) -> None:
    picture = cv2.resize(np.random.default_rng(3).integers(0, 256, (3, 4, 3), np.uint8), (160, 120))
    write_pixels(tmp_path / "in.mkv", [picture.astype(np.uint16) * 257] * 3, "yuv420p10le", "libx264", crf="1")
    restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", same)
    with av.open(str(tmp_path / "in.mkv")) as before, av.open(str(tmp_path / "out.mp4")) as after:
        shown = [next(each.decode(video=0)).to_ndarray(format="bgr24", src_colorspace=9) for each in (before, after)]
    assert np.abs(shown[0].astype(int) - shown[1]).mean() < 2


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le"])
def test_sound_that_does_not_say_where_its_channels_are_heard_fits_in_an_mp4(tmp_path: Path, codec: str) -> None:
    """As that of digitised tapes in Matroska."""
    pictures = [numbered_picture(i) for i in range(10)]
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream(codec, rate=48000, layout="stereo")
        for index, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        samples = np.zeros((1, 2 * 19200), np.float32)
        tone = av.AudioFrame.from_ndarray(samples, format="flt", layout="stereo")
        tone.sample_rate, tone.pts, tone.time_base = 48000, 0, Fraction(1, 48000)
        converter = av.AudioResampler(format=sound.codec_context.format.name, layout="stereo", rate=48000)
        for part in (*converter.resample(tone), None):
            container.mux(sound.encode(part))
        container.mux(video.encode(None))
    with av.open(str(tmp_path / "in.mkv")) as container:
        assert container.streams.audio[0].codec_context.layout.name == "2 channels"
    result = restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", same)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.channels == 2
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert heard == pytest.approx(19200, abs=1024)
    assert not any("left out" in str(note) for note in result.notes)


def test_more_channels_than_an_mp4_can_place_are_no_failure(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=48000, layout="hexadecagonal")
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 16 * 5760), np.int16), format="s16", layout="hexadecagonal")
        tone.sample_rate, tone.pts, tone.time_base = 48000, 0, Fraction(1, 48000)
        for stream, last in ((sound, tone), (video, None)):
            container.mux(stream.encode(last))
    result = restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", same)
    assert result.frames == 3
    assert result.notes


def test_transparency_and_fine_colours_are_named(tmp_path: Path) -> None:
    picture = np.dstack((numbered_picture(7), np.full((120, 160), 128, np.uint8)))
    write_pixels(tmp_path / "in.mov", [picture] * 3, "yuva444p10le", "prores_ks")
    result = restore_video(tmp_path / "in.mov", tmp_path / "out.mp4", same)
    text = "; ".join(map(str, result.notes))
    assert "transparency" in text
    assert "4:4:4, became 4:2:0" in text


@pytest.mark.parametrize("first", ["tff", "bff"])
def test_interlaced_pictures_stay_interlaced(tmp_path: Path, first: str) -> None:
    options = {"x264-params": f"{first}=1", "crf": "12"}
    write_video(tmp_path / "in.mp4", [numbered_picture(i) for i in range(10)], options=options)
    result = restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", same)
    assert result.notes == ()
    orders = []
    for name in ("in.mp4", "out.mp4"):
        with av.open(str(tmp_path / name)) as container:
            frames = list(container.decode(video=0))
            assert all(frame.interlaced_frame for frame in frames)
            orders.append(container.streams.video[0].codec_context.field_order)
    assert orders[0] == orders[1]


def test_pictures_that_end_before_the_sound_are_noted(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.ts", [numbered_picture(i) for i in range(100)], sound=True)
    with av.open(str(tmp_path / "whole.ts")) as source, av.open(str(tmp_path / "in.ts"), "w") as container:
        copies = {each.index: container.add_stream_from_template(each, opaque=True) for each in source.streams}
        for packet in source.demux():
            late = packet.dts is not None and packet.stream.type == "video" and packet.dts * packet.time_base > 2
            if packet.dts is not None and not late:
                packet.stream = copies[packet.stream.index]
                container.mux(packet)
    result = restore_video(tmp_path / "in.ts", tmp_path / "out.mkv", same)
    assert any("its pictures end" in str(note) for note in result.notes)


def sound_of(path: Path) -> list[tuple[int, bytes]]:
    """Time stamps and contents of the packets of sound."""
    with av.open(str(path)) as container:
        return [(packet.pts or 0, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_time_stamps_of_sound_that_step_back_cost_nothing(tmp_path: Path, name: str) -> None:
    source = tmp_path / "in.mkv"
    write_video(source, [numbered_picture(i) for i in range(50)], sound=True)
    written, data = sound_of(source), bytearray(source.read_bytes())
    at = data.index(written[40][1]) - 3  # before the contents of a block: two bytes of time in ms, one of flags
    data[at : at + 2] = (int.from_bytes(data[at : at + 2], "big") - 200).to_bytes(2, "big")
    source.write_bytes(data)
    assert sound_of(source)[40][0] < sound_of(source)[39][0] - 100
    result = restore_video(source, tmp_path / name, same)
    assert (result.frames, result.notes) == (50, ())
    copied = sound_of(tmp_path / name)
    primed = 1 if name.endswith(".mkv") else 0  # what is played before time zero is left out
    assert [content for _, content in copied] == [content for _, content in written[primed:]]
    assert all(first <= second for (first, _), (second, _) in pairwise(copied))


def test_a_track_that_cannot_be_written_does_not_cost_the_pictures(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_video(source, [numbered_picture(i) for i in range(50)], sound=True)
    data, first = bytearray(source.read_bytes()), sound_of(source)[1][1]  # the one before is played before time zero
    at = data.index(first)
    data[at : at + 7] = b"\xff\xf1" + b"\xff" * 5  # like the header of a transport stream's AAC, which is taken off
    source.write_bytes(data)
    result = restore_video(source, tmp_path / "out.mkv", same)
    assert [str(note) for note in result.notes] == ["left out from a damaged place on: sound (aac)"]
    with av.open(str(tmp_path / "out.mkv")) as container:
        shown = [number_of(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
    assert shown == list(range(50))
