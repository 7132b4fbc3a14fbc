"""Restoring videos, judged by decoding what was written."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.batch.videos.output import VideoOptions
from app.batch.videos.restore import restore_video
from app.core.errors import OutputError, UnreadableMediaError
from app.core.types import FaceChange, Frame, Image, Restored
from app.media.pictures.enlarge import enlarge
from app.media.videos.video_reader import VideoReader
from tests.media_files import number_of, numbered_picture, write_video

UNEVEN_MS = [0, 40, 73, 120, 121, 200, 360, 400, 900, 917, 960, 1000]


def same(frame: Frame) -> Restored:
    return Restored(frame=frame, image=frame.image, k=1)


def brighter(frame: Frame) -> Restored:
    return Restored(frame=frame, image=np.minimum(frame.image, 215) + np.uint8(40), k=1)


def stamps(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(audio=0) if p.dts is not None]


def pictures(path: Path) -> list[Image]:
    reader = VideoReader(path)
    images = [picture.image for picture in reader.pictures()]
    reader.close()
    return images


def numbered(path: Path, count: int = 12, **options: object) -> Path:
    write_video(path, [numbered_picture(i) for i in range(count)], **options)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_frame_keeps_its_place_in_time(tmp_path: Path, suffix: str) -> None:
    source = numbered(tmp_path / "in.mp4", times_ms=UNEVEN_MS)
    target = tmp_path / f"out{suffix}"
    result = restore_video(source, target, same)
    assert result.frames == 12
    assert stamps(target) == stamps(source) == [Fraction(ms, 1000) for ms in UNEVEN_MS]
    assert [number_of(image) for image in pictures(target)] == list(range(12))


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".avi", ".mov"])
def test_other_containers_are_read(tmp_path: Path, suffix: str) -> None:
    options: dict[str, object] = {"codec": "mpeg4", "options": {"q": "2"}} if suffix == ".avi" else {}
    if suffix == ".avi":
        images = [numbered_picture(i) for i in range(10)]
        _write_at_frame_rate(tmp_path / "in.avi", images)
    else:
        numbered(tmp_path / f"in{suffix}", 10, sound=suffix != ".ts", **options)
    restore_video(tmp_path / f"in{suffix}", tmp_path / "out.mp4", same)
    before, after = stamps(tmp_path / f"in{suffix}"), stamps(tmp_path / "out.mp4")
    moved = before[0] if suffix == ".ts" else 0  # a broadcast's clock begins at any hour
    assert after == [time - moved for time in before]
    assert [number_of(image) for image in pictures(tmp_path / "out.mp4")] == list(range(10))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    "times", [[0, 500, 1500, 2000, 5500, 6000, 7500], *([40 * i for i in range(count)] for count in (50, 51, 53, 54))]
)
def test_the_picture_that_is_shown_last_is_not_cut_off(tmp_path: Path, times: list[int], suffix: str) -> None:
    """Of pictures coded in another order it may lie in the last but one fragment, and an MP4 ends with the last one."""
    source = numbered(tmp_path / "in.mp4", len(times), times_ms=times, sound=True)
    target = tmp_path / f"out{suffix}"
    restore_video(source, target, same)
    assert stamps(target) == stamps(source) == [Fraction(ms, 1000) for ms in times]
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert after.duration >= (times[-1] + 1) * 1000
        if len(times) > 7:
            assert after.duration == pytest.approx(before.duration, abs=30_000)
            assert after.streams.video[0].average_rate == 25


def _write_at_frame_rate(path: Path, images: list[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"q": "2"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))


def test_the_sound_is_copied_bit_by_bit_and_stays_in_place(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mp4", sound=True)
    restore_video(source, tmp_path / "out.mp4", same)
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)


def test_a_sound_that_an_mp4_cannot_hold_becomes_aac_and_mkv_takes_it(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mkv", sound=True, sound_codec="wavpack")
    result = restore_video(source, tmp_path / "out.mp4", same)
    assert tuple(map(str, result.notes)) == (
        "its sound (wavpack) became AAC, as the format cannot hold it; a name that ends in .mkv keeps it",
    )
    assert restore_video(source, tmp_path / "out.mkv", same).notes == ()
    assert sound_packets(tmp_path / "out.mkv") == sound_packets(source)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_video_turned_by_its_metadata_is_written_upright(tmp_path: Path, rotation: int) -> None:
    lying = [np.rot90(numbered_picture(i), -rotation // 90).copy() for i in range(5)]
    write_video(tmp_path / "in.mp4", lying, rotation=rotation)
    seen: list[tuple[int, ...]] = []

    def look(frame: Frame) -> Restored:
        seen.append(frame.image.shape)
        return same(frame)

    restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", look)
    assert set(seen) == {(120, 160, 3)}
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (160, 120, 0)
    assert [number_of(image) for image in pictures(tmp_path / "out.mp4")] == list(range(5))


@pytest.mark.parametrize(
    ("matrix", "color_range", "tagged"), [(1, 1, True), (5, 1, True), (1, 2, True), (5, 2, True), (5, 1, False)]
)
def test_colours_survive_the_way_there_and_back(tmp_path: Path, matrix: int, color_range: int, tagged: bool) -> None:
    patches = np.zeros((120, 160, 3), np.uint8)
    for i, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (60, 120, 200), (20, 20, 20)]):
        patches[(i // 3) * 60 : (i // 3) * 60 + 60, (i % 3) * 53 : (i % 3) * 53 + 54] = colour
    write_video(
        tmp_path / "in.mp4", [patches] * 4, matrix=matrix, color_range=color_range, tagged=tagged, options={"crf": "4"}
    )
    restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", same)
    before, after = pictures(tmp_path / "in.mp4")[2], pictures(tmp_path / "out.mp4")[2]
    for row in (30, 90):
        for column in (26, 80, 134):
            centre = slice(row - 5, row + 5), slice(column - 5, column + 5)
            assert np.abs(before[centre].astype(int) - patches[centre]).max() <= 4
            assert np.abs(after[centre].astype(int) - before[centre]).max() <= 3
    with av.open(str(tmp_path / "in.mp4")) as first, av.open(str(tmp_path / "out.mp4")) as second:
        a, b = next(first.decode(video=0)), next(second.decode(video=0))
        assert (a.colorspace, a.color_primaries, a.color_trc) == (b.colorspace, b.color_primaries, b.color_trc)
        assert (a.color_range == 2) == (b.color_range == 2)


@pytest.mark.parametrize(
    ("size", "rotation", "scale", "matrix"), [((640, 480), 0, 2, 6), ((848, 480), 90, 1, 6), ((480, 848), 90, 1, 1)]
)
def test_an_untagged_video_keeps_its_colours_where_its_result_would_be_taken_for_another_kind(
    tmp_path: Path, size: tuple[int, int], rotation: int, scale: int, matrix: int
) -> None:
    """Players take untagged videos of 720 lines and more for BT.709, and others for BT.601."""
    plain = np.full((size[1], size[0], 3), (40, 61, 201), np.uint8)
    write_video(tmp_path / "in.mp4", [plain] * 3, rotation=rotation, matrix=matrix, tagged=False)

    def enlarged(frame: Frame) -> Restored:
        return same(replace(frame, image=enlarge(frame.image, scale)))

    restore_video(tmp_path / "in.mp4", tmp_path / "out.mp4", enlarged, options=VideoOptions(scale=scale))
    assert np.abs(pictures(tmp_path / "out.mp4")[1].mean(axis=(0, 1)) - plain[0, 0]).max() <= 2
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).colorspace == matrix


@pytest.mark.parametrize(("matrix", "color_range"), [(1, 1), (5, 1), (1, 2)])
def test_outside_the_faces_the_samples_of_the_source_are_encoded(tmp_path: Path, matrix: int, color_range: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    write_video(tmp_path / "in.mp4", [noise] * 3, matrix=matrix, color_range=color_range, options={"crf": "1"})
    # The frame's pixels 40 to 81, 20 to 61, which begin and end within a sample of colour.
    to_crop = np.array([[1, 0, -41], [0, 1, -21]], np.float32)
    change = FaceChange(levels=np.zeros((40, 40, 3), np.float32), matrix=to_crop)

    def black(frame: Frame) -> Restored:
        return Restored(frame=frame, image=np.zeros_like(frame.image), k=1, changes=(change,))

    def samples(path: Path) -> NDArray[np.int64]:
        with av.open(str(path)) as container:
            return next(container.decode(video=0)).to_ndarray()[:120].astype(int)

    restore_video(tmp_path / "in.mp4", tmp_path / "same.mp4", same)
    restore_video(tmp_path / "in.mp4", tmp_path / "black.mp4", black)
    before, untouched, after = (samples(tmp_path / f"{name}.mp4") for name in ("in", "same", "black"))
    outside = np.ones(before.shape, bool)
    outside[20:62, 40:82] = False
    coding = np.abs(untouched - before).max()
    assert coding <= 25  # CRF 16, of noise
    assert np.abs(after - before)[outside].max() <= 2 * coding
    assert after[24:58, 44:78].max() <= 16 + coding


def test_side_by_side_has_the_source_at_the_left(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mp4", 5)
    restore_video(source, tmp_path / "out.mp4", brighter, options=VideoOptions(side_by_side=True))
    for before, both in zip(pictures(source), pictures(tmp_path / "out.mp4"), strict=True):
        assert both.shape == (120, 320, 3)
        assert np.abs(both[:, :160].astype(int) - before).mean() < 2
        assert both[30:, 160:].astype(int).mean() == pytest.approx(before[30:].astype(int).mean() + 40, abs=2)


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    cropped = [numbered_picture(i)[:119, :159] for i in range(4)]
    _write_odd(tmp_path / "in.mkv", cropped)
    restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", same)
    assert pictures(tmp_path / "out.mp4")[0].shape == (120, 160, 3)


def _write_odd(path: Path, images: list[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))


def test_an_rgb_video_keeps_its_colours(tmp_path: Path) -> None:
    plain = np.full((120, 160, 3), (60, 120, 200), np.uint8)
    _write_odd(tmp_path / "in.mkv", [plain] * 3)
    assert np.array_equal(pictures(tmp_path / "in.mkv")[0], plain)
    restore_video(tmp_path / "in.mkv", tmp_path / "out.mp4", same)
    assert np.abs(pictures(tmp_path / "out.mp4")[1].astype(int) - plain).max() <= 3


def test_progress_counts_to_the_number_of_frames(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    restore_video(
        numbered(tmp_path / "in.mp4"), tmp_path / "out.mp4", same, progress=lambda *numbers: told.append(numbers)
    )
    assert told == [(i, 12) for i in range(1, 13)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing_and_what_was_there(tmp_path: Path, interruption: type[BaseException]) -> None:
    source = numbered(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"an older video")

    def interrupt(frame: Frame) -> Restored:
        if frame.index == 3:
            raise interruption
        return same(frame)

    with pytest.raises(interruption):
        restore_video(source, tmp_path / "out.mp4", interrupt, overwrite=True)
    assert (tmp_path / "out.mp4").read_bytes() == b"an older video"
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4"}


@pytest.mark.parametrize("own", ["out.mp4.part", "out.incomplete.mp4"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_file_with_a_name_that_is_used_on_the_way_survives(tmp_path: Path, own: str, whole: bool) -> None:
    source = numbered(tmp_path / "in.mp4", 60, container_options={"movflags": "faststart"})
    if not whole:
        source.write_bytes(source.read_bytes()[: source.stat().st_size * 4 // 5])
    source = source.rename(tmp_path / own)
    before = source.read_bytes()
    with contextlib.nullcontext() if whole else pytest.raises(UnreadableMediaError, match="breaks off"):
        restore_video(source, tmp_path / "out.mp4", same)
    assert source.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_a_video_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"an older video")
    with pytest.raises(OutputError, match="there already"):
        restore_video(source, tmp_path / "out.mp4", same)
    assert (tmp_path / "out.mp4").read_bytes() == b"an older video"
    restore_video(source, tmp_path / "out.mp4", same, overwrite=True)
    assert [number_of(image) for image in pictures(tmp_path / "out.mp4")] == list(range(12))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_private_video_stays_private(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mp4")
    source.chmod(0o600)
    restore_video(source, tmp_path / "out.mp4", same)
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == 0o600


def test_a_video_cut_in_the_middle_is_kept_as_incomplete_and_named(tmp_path: Path) -> None:
    source = numbered(tmp_path / "in.mp4", 60, container_options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 4 // 5])
    with pytest.raises(UnreadableMediaError, match="breaks off") as refusal:
        restore_video(source, tmp_path / "out.mp4", same)
    kept = tmp_path / "out.incomplete.mp4"
    assert str(kept) in refusal.value.hint
    assert not (tmp_path / "out.mp4").exists()
    numbers = [number_of(image) for image in pictures(kept)]
    assert 3 < len(numbers) < 60
    assert numbers == list(range(len(numbers)))


def _text(folder: Path) -> Path:
    (folder / "bad.mp4").write_text("This is a text, not a video.\n" * 50)
    return folder / "bad.mp4"


def _empty(folder: Path) -> Path:
    (folder / "bad.mp4").touch()
    return folder / "bad.mp4"


def _headless(folder: Path) -> Path:
    whole = numbered(folder / "bad.mp4", 30)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return whole


def _sound_only(folder: Path) -> Path:
    whole = numbered(folder / "film.mp4", 10, sound=True)
    with av.open(str(whole)) as source, av.open(str(folder / "bad.mp4"), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)
    whole.unlink()
    return folder / "bad.mp4"


@pytest.mark.parametrize("make", [_text, _empty, _headless, _sound_only])
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, make: object) -> None:
    bad = make(tmp_path)
    with pytest.raises(UnreadableMediaError) as refusal:
        restore_video(bad, tmp_path / "out.mp4", same)
    assert str(bad) in refusal.value.what
    assert list(tmp_path.iterdir()) == [bad]


def test_an_absent_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match="no file"):
        restore_video(tmp_path / "absent.mp4", tmp_path / "out.mp4", same)


@pytest.mark.parametrize("name", ["out.txt", "out", "out.gif"])
def test_an_unknown_kind_of_output_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="suffix"):
        restore_video(numbered(tmp_path / "in.mp4"), tmp_path / name, same)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        restore_video(numbered(tmp_path / "in.mp4"), tmp_path / "absent" / "out.mp4", same)


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of one's own can only be mounted by root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("disk", ["size=64k"], indirect=True)
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, disk: Path) -> None:
    noisy = [np.random.default_rng(i).integers(0, 256, (240, 320, 3), np.uint8) for i in range(20)]
    write_video(tmp_path / "in.mp4", noisy)
    with pytest.raises(OutputError, match="no room"):
        restore_video(tmp_path / "in.mp4", disk / "out.mp4", same)
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("disk", ["ro"], indirect=True)
def test_a_read_only_place_is_said(tmp_path: Path, disk: Path) -> None:
    with pytest.raises(OutputError, match="may not be written"):
        restore_video(numbered(tmp_path / "in.mp4"), disk / "out.mp4", same)


def test_a_picture_is_handed_on_as_a_numbered_frame(tmp_path: Path) -> None:
    frames: list[Frame] = []

    def collect(frame: Frame) -> Restored:
        frames.append(replace(frame))
        return same(frame)

    restore_video(numbered(tmp_path / "in.mp4", times_ms=UNEVEN_MS), tmp_path / "out.mp4", collect)
    assert [frame.index for frame in frames] == list(range(12))
    assert [round(frame.t_media * 1000) for frame in frames] == UNEVEN_MS


def test_a_real_video_with_sound_goes_through_unharmed(tmp_path: Path, data_folder: Path) -> None:
    source = tmp_path / "office.mp4"
    shutil.copy(data_folder / "data" / "video" / "old_film.mp4", source)
    restore_video(source, tmp_path / "out.mp4", same)
    assert stamps(tmp_path / "out.mp4") == stamps(source)
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)
    before, after = pictures(source)[50].astype(int), pictures(tmp_path / "out.mp4")[50].astype(int)
    assert np.abs((after - before).mean(axis=(0, 1))).max() < 0.5
    assert np.abs(after - before).mean() < 2
