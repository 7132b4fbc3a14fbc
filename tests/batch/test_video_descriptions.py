"""What describes a video and its pictures: HDR10, captions, time code, languages, places; kept or named."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from app.batch.videos.restore import restore_video
from app.core.types import Frame, Restored
from tests.media_files import numbered_picture, write_video

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def same(frame: Frame) -> Restored:
    return Restored(frame=frame, image=frame.image, k=1)


def described(path: Path, packets: Sequence[tuple[Fraction, bytes]] = (), **metadata: str) -> None:
    """A video of ten pictures; `metadata` is the file's, or with a leading underscore that of its pictures."""
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for name, value in metadata.items():
            if name.startswith("_"):
                stream.metadata[name[1:]] = value
            else:
                container.metadata[name.replace("__", ".")] = value
        data = container.add_data_stream("bin_data" if path.suffix == ".mp4" else "klv") if packets else None
        for index in range(10):
            picture = av.VideoFrame.from_ndarray(numbered_picture(index), format="bgr24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
            for time_base, content in packets:
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.pts, packet.dts = data, time_base, index * 3600, index * 3600
                container.mux(packet)
        container.mux(stream.encode(None))


def side_data(path: Path) -> list[dict[Type, bytes]]:
    with av.open(str(path)) as container:
        return [{each.type: bytes(each) for each in frame.side_data} for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_description_of_hdr10_is_kept(tmp_path: Path, suffix: str) -> None:
    parameters = f"log-level=none:hdr10=1:master-display={DISPLAY}:max-cll=1000,400"
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": parameters})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16
        for index in range(10):
            ramp = np.broadcast_to(np.linspace(9000, 30000, 160)[None, :, None], (120, 160, 3)).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(ramp, format="bgr48le").reformat(format="yuv420p10le")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert restore_video(tmp_path / "in.mp4", tmp_path / f"out{suffix}", same).notes == ()
    before, after = side_data(tmp_path / "in.mp4")[0], side_data(tmp_path / f"out{suffix}")[0]
    assert after[Type.CONTENT_LIGHT_LEVEL] == before[Type.CONTENT_LIGHT_LEVEL]
    display = [np.frombuffer(each[Type.MASTERING_DISPLAY_METADATA], "=i4") for each in (before, after)]
    fractions = [[Fraction(int(each[2 * i]), int(each[2 * i + 1])) for i in range(10)] for each in display]
    assert fractions[0] == fractions[1]


def test_closed_captions_are_named(tmp_path: Path) -> None:
    write_video(tmp_path / "plain.h264", [numbered_picture(i) for i in range(10)])
    stream = (tmp_path / "plain.h264").read_bytes()
    captions = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x2c\xff"  # ATSC A/53, part 4: one pair of line 21
    message = b"\x00\x00\x01\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    place = stream.index(b"\x00\x00\x01\x65")
    (tmp_path / "in.h264").write_bytes(stream[:place] + message + stream[place:])
    assert restore_video(tmp_path / "plain.h264", tmp_path / "plain.mp4", same).notes == ()
    (note,) = restore_video(tmp_path / "in.h264", tmp_path / "out.mp4", same).notes
    assert "closed captions" in str(note)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_the_place_where_it_was_taken_is_kept(tmp_path: Path, suffix: str) -> None:
    described(tmp_path / "in.mov", com__apple__quicktime__location__ISO6709="+48.1+011.5/", title="Holiday")
    assert restore_video(tmp_path / "in.mov", tmp_path / f"out{suffix}", same).notes == ()
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
    assert found["com.apple.quicktime.location.iso6709"] == "+48.1+011.5/"
    assert found["title"] == "Holiday"
    assert suffix != ".mkv" or "compatible_brands" not in found


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_code_and_language_of_the_pictures_are_kept(tmp_path: Path, suffix: str) -> None:
    described(tmp_path / "in.mp4", _timecode="01:00:00:00", _language="deu")
    assert restore_video(tmp_path / "in.mp4", tmp_path / f"out{suffix}", same).notes == ()
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        found = {name.lower(): value for name, value in container.streams.video[0].metadata.items()}
    assert found["timecode"] == "01:00:00:00"
    assert suffix == ".mov" or found["language"] == "deu"


def test_a_data_track_is_kept_where_it_fits_and_named_elsewhere(tmp_path: Path) -> None:
    described(tmp_path / "in.mp4", [(Fraction(1, 90000), b"a place")])
    assert restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", same).notes == ()
    kept = []
    for name in ("in.mp4", "out.mp4"):
        with av.open(str(tmp_path / name)) as container:
            packets = container.demux(container.streams.data[0])
            kept.append([(packet.pts, bytes(packet)) for packet in packets if packet.size])
    assert kept[0] == kept[1]
    assert len(kept[1]) >= 9
    (note,) = restore_video(tmp_path / "in.mp4", tmp_path / "out.mkv", same).notes
    assert str(note) == "left out, as the format cannot hold it: a data track"
    described(tmp_path / "in.ts", [(Fraction(1, 90000), b"a place")])
    (note,) = restore_video(tmp_path / "in.ts", tmp_path / "ts.mkv", same).notes
    assert "a data track" in str(note)
