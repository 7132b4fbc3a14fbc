"""Videos in pieces: the joined result is the one that is made in one go, whatever kind of video it is."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.batch.videos.extent import Extent
from app.batch.videos.joining import PieceFile, decode_times, join_pieces
from app.batch.videos.output import VideoOptions
from app.batch.videos.pieces import LEAD_S, WARM_S, Span, cut, restore_piece
from app.batch.videos.restore import Process, restore_video
from app.core.errors import OutputError, UnreadableMediaError
from app.core.settings import Settings
from app.core.types import Frame, Image, Restored
from app.faces.tracker import FaceTracker
from app.media.pictures.enlarge import enlarge
from app.pipeline.process import FramePipeline
from tests.batch.test_video import brighter, pictures, same, sound_packets, stamps
from tests.media_files import number_of, numbered_picture, write_video
from tests.vision import detector, restorer, show

MS = Fraction(1, 1000)


WHOLE = Span(start=None, end=None)


def in_pieces(source: Path, target: Path, spans: list[Span], process: Process = same) -> tuple[str, ...]:
    files, damage = [], ""
    folder = target.parent / "pieces"
    folder.mkdir(exist_ok=True)
    for number, span in enumerate(spans):
        path = folder / f"{number}.mp4"
        piece = restore_piece(source, path, span, process, track=lambda frame: None, warm_up=same)
        if piece.first_pts is not None:
            files.append(PieceFile(path=path, first_pts=piece.first_pts))
        damage = damage or piece.damage
        if piece.damage:
            break
    return join_pieces(source, target, files, damage=damage)


def twice_as_large(frame: Frame) -> Restored:
    large = enlarge(frame.image, 2)
    return Restored(frame=replace(frame, image=large), image=large, k=1)


def test_pieces_of_an_enlarged_video_are_joined(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mp4", tmp_path / "large.mp4"
    write_video(source, _numbered(60), sound=True)
    files = []
    for number, span in enumerate(spans_of(source, 0.4)):
        path = tmp_path / f"{number}.mp4"
        piece = restore_piece(
            source, path, span, twice_as_large, track=same, warm_up=same, options=VideoOptions(scale=2)
        )
        assert piece.first_pts is not None
        files.append(PieceFile(path=path, first_pts=piece.first_pts))
    assert join_pieces(source, target, files) == ()
    images = pictures(target)
    assert {image.shape for image in images} == {(240, 320, 3)}
    assert [number_of(cv2.resize(image, (160, 120))) for image in images] == list(range(60))
    assert stamps(target) == stamps(source)


def test_joined_pieces_of_an_untagged_video_say_what_their_colours_are(tmp_path: Path) -> None:
    """Its 400 lines are taken for BT.601, the 800 of the result would be for BT.709."""
    source, target = tmp_path / "film.mp4", tmp_path / "large.mkv"
    write_video(source, [np.full((400, 160, 3), (40, 61, 201), np.uint8)] * 4)
    piece = restore_piece(
        source, tmp_path / "0.mp4", WHOLE, twice_as_large, track=same, warm_up=same, options=VideoOptions(scale=2)
    )
    assert piece.first_pts is not None
    join_pieces(source, target, [PieceFile(path=tmp_path / "0.mp4", first_pts=piece.first_pts)])
    assert b"\x55\xb1\x81\x06" in target.read_bytes()  # Matroska's MatrixCoefficients: BT.601
    assert np.abs(pictures(target)[1].mean(axis=(0, 1)) - (40, 61, 201)).max() <= 2


def spans_of(source: Path, *fractions: float) -> list[Span]:
    extent = Extent.of(source)
    cuts = [extent.first_pts + round(extent.ticks * fraction) for fraction in fractions]
    return [Span(start=start, end=end) for start, end in zip([None, *cuts], [*cuts, None], strict=True)]


def _plain(path: Path) -> None:
    write_video(path, _numbered(60), sound=True)


def _uneven(path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).integers(5, 120, 60)).tolist()
    write_video(path, _numbered(60), times_ms=times, sound=True)


def _open_gop(path: Path) -> None:
    options = {"crf": "12", "x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=12:min-keyint=12:scenecut=0"}
    write_video(path, _numbered(60), options=options)


def _late_key_frame(path: Path) -> None:
    """A video that begins in the middle of a group of pictures, as one cut without care does."""
    whole = path.with_stem("whole")
    write_video(whole, _numbered(70), options={"crf": "12", "g": "20", "bf": "0", "sc_threshold": "0"})
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size and number >= 7:
                packet.stream = stream
                target.mux(packet)
    whole.unlink()


def _turned(path: Path) -> None:
    write_video(path, [np.rot90(image, -1).copy() for image in _numbered(40)], rotation=90)


def _odd_size(path: Path) -> None:
    _lossless(path, "bgr0", [image[:119, :159] for image in _numbered(40)])


def _ten_bits(path: Path) -> None:
    _lossless(path, "yuv420p10le", _numbered(40))


def _numbered(count: int) -> list[Image]:
    return [numbered_picture(number) for number in range(count)]


def _lossless(path: Path, pixels: str, images: list[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "plain": (_plain, ".mp4"),
    "uneven": (_uneven, ".mp4"),
    "open group, b-frames": (_open_gop, ".mp4"),
    "late key frame": (_late_key_frame, ".mp4"),
    "turned": (_turned, ".mp4"),
    "odd size": (_odd_size, ".mkv"),
    "ten bits": (_ten_bits, ".mkv"),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_joined_video_is_the_one_made_in_one_go(tmp_path: Path, kind: str, suffix: str) -> None:
    make, own_suffix = KINDS[kind]
    source = tmp_path / f"in{own_suffix}"
    make(source)
    original = source.read_bytes()
    whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
    restore_video(source, whole, brighter)
    notes = in_pieces(source, joined, spans_of(source, 0.3, 0.35, 0.71), brighter)
    assert not notes
    assert stamps(joined) == stamps(whole)
    first, second = pictures(whole), pictures(joined)
    assert [number_of(image) for image in second] == [number_of(image) for image in first]
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(first, second, strict=True)) < 1.5
    with av.open(str(whole)) as a, av.open(str(joined)) as b:
        assert [stream.type for stream in a.streams] == [stream.type for stream in b.streams]
        one, other = a.streams.video[0], b.streams.video[0]
        assert one.codec_context.name == other.codec_context.name
        assert one.codec_context.pix_fmt == other.codec_context.pix_fmt
        assert (one.frames, one.sample_aspect_ratio) == (other.frames, other.sample_aspect_ratio)
        assert float(other.average_rate or 0) == pytest.approx(float(one.average_rate or 0), rel=0.05)
        assert a.duration == pytest.approx(b.duration, abs=40_000)
        x, y = next(a.decode(video=0)), next(b.decode(video=0))
        assert (x.colorspace, x.color_range, x.color_trc) == (y.colorspace, y.color_range, y.color_trc)
    if kind in ("plain", "uneven"):
        assert sound_packets(joined) == sound_packets(whole) != []
    assert source.read_bytes() == original


def test_every_frame_before_a_piece_warms_it_up_and_none_is_written_twice(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, _numbered(100))
    seen: dict[str, list[int]] = {"track": [], "warm": [], "write": []}

    def note(how: str) -> Callable[[Frame], Restored]:
        def take(frame: Frame) -> Restored:
            seen[how].append(round(frame.t_media * 25))
            return same(frame)

        return take

    start = round(2 / Extent.of(source).time_base)
    piece = restore_piece(
        source,
        tmp_path / "piece.mp4",
        Span(start=start, end=start + round(0.4 / Extent.of(source).time_base)),
        note("write"),
        track=note("track"),
        warm_up=note("warm"),
    )
    assert seen["write"] == list(range(50, 60))
    assert seen["warm"] == list(range(50 - int(WARM_S * 25), 50))
    assert seen["track"] == list(range(50 - int(LEAD_S * 25), 50 - int(WARM_S * 25)))
    assert (piece.frames, piece.first_pts) == (10, start)


def test_a_face_is_followed_over_the_joints(tmp_path: Path) -> None:
    """A moving face restored in pieces is the one restored in one go, and it moves on over the joints as between."""
    images = [show(size=(320, 240), centre=(150 + index / 4, 120), scale=0.8)[0] for index in range(75)]
    write_video(tmp_path / "in.mp4", images, fps=12)
    settings = Settings(k=1, detect_size=320)

    def restored(spans: list[Span]) -> list[Image]:
        faces: dict[int, Image] = {}
        for span in spans:
            tracker = FaceTracker(detector())
            pipeline = FramePipeline(tracker, restorer())

            def process(frame: Frame, pipeline: FramePipeline = pipeline) -> Restored:
                done = pipeline.process(frame, settings)
                faces[round(frame.t_media * 12)] = done.image[60:180, 90:240]
                return done

            def warm_up(frame: Frame, pipeline: FramePipeline = pipeline) -> Restored:
                return pipeline.process(frame, settings)

            def track(frame: Frame, tracker: FaceTracker = tracker) -> None:
                tracker.update(frame, detect_size=320, max_faces=0)

            restore_piece(tmp_path / "in.mp4", tmp_path / "piece.mp4", span, process, track=track, warm_up=warm_up)
        assert sorted(faces) == list(range(75))
        return [faces[number] for number in sorted(faces)]

    whole = restored([WHOLE])
    pieces = restored(spans_of(tmp_path / "in.mp4", 0.35, 0.7))
    joints = (27, 53)
    apart = [np.abs(a.astype(int) - b).mean() for a, b in zip(whole, pieces, strict=True)]
    assert max(apart) < 0.6
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(pieces)]
    between = [step for index, step in enumerate(steps, start=1) if index not in joints]
    assert max(steps[joint - 1] for joint in joints) <= max(between)


def test_a_source_that_breaks_off_is_joined_up_to_there_and_named(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, _numbered(60), options={"crf": "20", "g": "5"}, container_options={"movflags": "faststart"})
    spans = spans_of(source, 0.3, 0.6)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 3 // 5])
    with pytest.raises(UnreadableMediaError, match="breaks off") as refusal:
        in_pieces(source, tmp_path / "out.mp4", spans)
    kept = tmp_path / "out.incomplete.mp4"
    assert str(kept) in refusal.value.hint
    numbers = [number_of(image) for image in pictures(kept)]
    assert numbers == list(range(len(numbers)))
    assert 20 < len(numbers) < 60


def test_joining_can_be_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, _numbered(20))
    restore_piece(source, tmp_path / "0.mp4", WHOLE, same, track=lambda frame: None, warm_up=same)
    before = sorted(tmp_path.iterdir())

    def stop(frames: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        join_pieces(source, tmp_path / "out.mp4", [PieceFile(path=tmp_path / "0.mp4", first_pts=0)], progress=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_pictures_that_end_before_the_sound_are_noted_by_the_last_piece(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_video(source, _numbered(20), sound=True, sound_s=6.0)
    first, last = spans_of(source, 0.1)
    notes = [
        restore_piece(source, tmp_path / f"{number}.mp4", span, same, track=lambda frame: None, warm_up=same).notes
        for number, span in enumerate((first, last))
    ]
    assert [len(each) for each in notes] == [0, 1]
    assert "its pictures end" in str(notes[1][0])


def test_a_piece_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, _numbered(10))
    end = round(100 / Extent.of(source).time_base)
    piece = restore_piece(
        source, tmp_path / "piece.mp4", Span(start=end, end=None), same, track=lambda frame: None, warm_up=same
    )
    assert (piece.frames, piece.first_pts) == (0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_pieces_that_are_not_of_one_kind_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write_video(source, _numbered(20))
    files = []
    for number, (span, wide) in enumerate(zip(spans_of(source, 0.5), (False, True), strict=True)):
        path = tmp_path / f"{number}.mp4"
        piece = restore_piece(
            source, path, span, same, track=same, warm_up=same, options=VideoOptions(side_by_side=wide)
        )
        assert piece.first_pts is not None
        files.append(PieceFile(path=path, first_pts=piece.first_pts))
    with pytest.raises(OutputError, match="differently"):
        join_pieces(source, tmp_path / "out.mp4", files)
    assert not (tmp_path / "out.mp4").exists()


def test_a_damaged_duration_does_not_make_pieces(tmp_path: Path) -> None:
    write_video(tmp_path / "in.mkv", [numbered_picture(number) for number in range(10)])
    data = (tmp_path / "in.mkv").read_bytes()
    place = data.index(b"\x44\x89\x88") + 3  # Matroska's duration, a double
    (tmp_path / "in.mkv").write_bytes(data[:place] + struct.pack(">d", 3e12) + data[place + 8 :])
    read = Extent.of(tmp_path / "in.mkv")
    assert cut(read) == [Span(start=None, end=None)]
    assert 1 <= read.frames < 100_000


def extent(seconds: float, **changes: object) -> Extent:
    values = {"first_pts": 0, "ticks": round(seconds * 1000), "time_base": MS, "frames": seconds * 25}
    return Extent(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "count"), [(1, 1), (7.9, 1), (9.4, 2), (16, 4), (60, 4), (600, 20), (3600, 120)])
def test_the_number_of_pieces_follows_the_length(seconds: float, count: int) -> None:
    spans = cut(extent(seconds))
    assert len(spans) == count
    assert (spans[0].start, spans[-1].end) == (None, None)
    assert all(a.end == b.start for a, b in pairwise(spans))


def test_a_container_without_an_index_is_not_cut() -> None:
    assert cut(extent(600, indexed=False)) == [Span(start=None, end=None)]


def test_a_lead_in_begins_at_a_key_frame_where_one_is_near() -> None:
    (_, second) = cut(extent(10, key_times=(0, 4100, 8200)))
    assert second.start == 4100 + 100 + 1000
    (_, second) = cut(extent(10, key_times=(0, 8200)))
    ahead = 500 + 0.15 * 500  # what the lead-in of the second piece takes, in milliseconds of the video
    assert second.start == round(ahead + (10_000 - ahead) / 2)


def test_decoding_times_grow_over_a_joint_and_never_pass_the_picture() -> None:
    order = [[0, 3, 1, 2, 6, 4, 5], [7, 50, 20, 49], [60]]
    times = decode_times(order)
    flat = [pts for piece in order for pts in piece]
    assert all(a < b for a, b in pairwise(times))
    assert all(dts <= pts for dts, pts in zip(times, flat, strict=True))
    assert decode_times([[5]]) == [5]
    with pytest.raises(OutputError, match="overlap"):
        decode_times([[0, 5], [5, 6]])
