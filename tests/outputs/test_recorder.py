"""The recorder, judged by decoding what it wrote."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from app.core.errors import OutputError, RecordingError, SettingError
from app.core.types import Frame, Image, Restored
from app.media.videos.encoder import choose_encoder
from app.media.videos.encoder_choices import LIVE_ENCODERS, EncoderChoice
from app.outputs.recordings.file import RECORDING_STEM, TIME_BASE, RecordingFile
from app.outputs.recordings.microphone import AudioBlock, Samples
from app.outputs.recordings.recorder import VideoRecorder
from app.outputs.recordings.rescue import rescue_recordings
from app.outputs.views import FrameViews
from tests.media_files import number_of, numbered_picture

SIZE = (160, 120)
REPOSITORY = Path(__file__).resolve().parents[2]


def restored(index: int, t_capture: float, *, image: Image | None = None) -> Restored:
    """A frame with its number, and a restored picture with the next number."""
    before = numbered_picture(index, width=SIZE[0], height=SIZE[1]) if image is None else image
    after = numbered_picture(index + 1, width=SIZE[0], height=SIZE[1]) if image is None else image[:, ::-1].copy()
    return Restored(frame=Frame(image=before, index=index, t_capture=t_capture, t_media=t_capture), image=after, k=3)


def started(*arguments: Any, **options: Any) -> VideoRecorder:
    recorder = VideoRecorder(*arguments, **options)
    recorder.start()
    return recorder


def write_all(recorder: VideoRecorder, frames: list[Restored], *, split: float = 0.5) -> None:
    """Hand over every frame, waiting where a live source would have to drop."""
    for frame in frames:
        dropped = recorder.state().dropped
        recorder.put(FrameViews(frame, split=split))
        while recorder.state().dropped > dropped and recorder.state().error is None:
            dropped = recorder.state().dropped
            time.sleep(0.002)
            recorder.put(FrameViews(frame, split=split))


def decoded(path: Path) -> tuple[list[Image], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in frames], [f.time for f in frames]


def record(path: Path, times: list[float], **options: object) -> tuple[Path, ...]:
    recorder = started(path, SIZE, 25.0, **options)
    write_all(recorder, [restored(i, t) for i, t in enumerate(times)])
    return recorder.finish()


STEADY = [100.0 + i / 25 for i in range(30)]


def test_side_by_side_has_before_at_the_left_and_after_at_the_right(tmp_path: Path) -> None:
    assert record(tmp_path / "video.mp4", STEADY) == (tmp_path / "video.mp4",)
    images, _ = decoded(tmp_path / "video.mp4")
    assert [number_of(image[:, : SIZE[0]]) for image in images] == list(range(30))
    assert [number_of(image[:, SIZE[0] :]) for image in images] == list(range(1, 31))
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_pixels_come_back_without_a_shift_of_colour(tmp_path: Path) -> None:
    record(tmp_path / "video.mp4", STEADY, mode="restored")
    with av.open(str(tmp_path / "video.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (1, 1)
    back = frame.reformat(format="bgr24", src_colorspace="ITU709", interpolation=0x42002).to_ndarray().astype(int)
    difference = back - numbered_picture(1, width=SIZE[0], height=SIZE[1])
    plain = difference[40:]
    assert np.abs(plain.mean(axis=(0, 1))).max() < 1.0
    assert np.abs(plain).mean() < 2.5


def test_time_stamps_are_even_and_follow_the_capture_times(tmp_path: Path) -> None:
    """Frames that jitter by 15 ms, one that is missing, and a camera that was away for three seconds."""
    jitter = np.random.default_rng(3).uniform(-0.015, 0.015, 60)
    kept = [i for i in range(60) if i != 20]
    times = [5.0 + i / 25 + (jitter[i] if i else 0.0) for i in kept]
    times += [times[-1] + 3.0, times[-1] + 3.04]
    record(tmp_path / "video.mp4", times, mode="restored")
    images, stamps = decoded(tmp_path / "video.mp4")
    assert np.allclose(np.diff(stamps)[:59], 1 / 25, atol=1e-4), "the missing one repeats the picture before"
    assert number_of(images[20]) == number_of(images[19])
    assert stamps[60] == pytest.approx(times[-2] - 5.0, abs=0.03), "while it is away the last picture stands"
    assert len(images) == 62


def test_frames_that_come_too_early_are_left_out(tmp_path: Path) -> None:
    record(tmp_path / "video.mp4", [5.0, 5.04, 5.04, 5.01, 5.08, 5.12], mode="restored")
    images, stamps = decoded(tmp_path / "video.mp4")
    assert np.allclose(stamps, [0.0, 0.04, 0.08, 0.12], atol=1e-4)
    assert [number_of(image) for image in images] == [1, 2, 5, 6]


def test_split_follows_the_divider_of_each_frame(tmp_path: Path) -> None:
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="split")
    for i, split in enumerate((0.0, 0.0, 1.0, 1.0)):
        recorder.put(FrameViews(restored(i, i / 25), split=split))
    recorder.finish()
    images, _ = decoded(tmp_path / "video.mp4")
    assert [number_of(image) for image in images] == [1, 2, 2, 3]


def test_two_files_hold_before_and_after(tmp_path: Path) -> None:
    paths = record(tmp_path / "video.mp4", STEADY, mode="two-files")
    assert [path.name for path in paths] == ["video-before.mp4", "video-after.mp4"]
    numbers = [[number_of(image) for image in decoded(path)[0]] for path in paths]
    assert numbers == [list(range(30)), list(range(1, 31))]


@pytest.mark.parametrize("mode", ["side-by-side", "split", "restored", "two-files"])
def test_odd_sizes_are_recorded_whole(tmp_path: Path, mode: str) -> None:
    recorder = started(tmp_path / "video.mp4", (161, 121), 25.0, mode=mode)
    image = np.full((121, 161, 3), 90, np.uint8)
    write_all(recorder, [restored(i, i / 25, image=image) for i in range(5)])
    paths = recorder.finish()
    assert len(paths) == (2 if mode == "two-files" else 1)
    for path in paths:
        images, _ = decoded(path)
        assert len(images) == 5
        assert images[0].shape[0] == 122
        assert np.abs(images[0].astype(int) - 90)[:, ~_divider(images[0])].max() < 6


def _divider(image: Image) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    columns = np.zeros(image.shape[1], bool)
    columns[image.shape[1] // 2 - 6 : image.shape[1] // 2 + 6] = True
    return columns


def test_a_source_that_changes_its_size_is_fitted_in_with_bars(tmp_path: Path) -> None:
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="restored")
    write_all(recorder, [restored(i, i / 25) for i in range(3)])
    tall = np.full((480, 320, 3), 200, np.uint8)
    write_all(recorder, [restored(i, i / 25, image=tall) for i in range(3, 6)])
    recorder.finish()
    images, _ = decoded(tmp_path / "video.mp4")
    assert {image.shape for image in images} == {(120, 160, 3)}
    assert images[5][:, 70:90].mean() > 190
    assert images[5][:, :35].mean() < 10


def test_a_video_without_a_single_frame_leaves_nothing(tmp_path: Path) -> None:
    assert started(tmp_path / "video.mp4", SIZE, 25.0).finish() == ()
    assert list(tmp_path.iterdir()) == []


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    record(tmp_path / "video.mp4", [3.0], mode="restored")
    assert len(decoded(tmp_path / "video.mp4")[0]) == 1


def test_finishing_twice_gives_the_same(tmp_path: Path) -> None:
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0)
    write_all(recorder, [restored(i, t) for i, t in enumerate(STEADY)])
    assert recorder.finish() == recorder.finish() == (tmp_path / "video.mp4",)
    recorder.put(FrameViews(restored(99, 200.0), split=0.5))


def test_writing_never_waits_and_counts_what_it_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, write = threading.Event(), RecordingFile.write

    def held_up(self: RecordingFile, image: Image, pts: int) -> None:
        assert go_on.wait(60)
        write(self, image, pts)

    monkeypatch.setattr(RecordingFile, "write", held_up)
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0)
    for index in range(60):
        recorder.put(FrameViews(restored(index, index / 25), split=0.5))  # stands still if it waits for the encoder
    go_on.set()
    recorder.finish()
    dropped = recorder.state().dropped
    assert dropped > 0
    assert len(decoded(tmp_path / "video.mp4")[0]) == 60 - dropped


def test_the_state_tells_length_size_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, size = set(), RecordingFile.bytes

    def noted(self: RecordingFile) -> int:
        asking.add(threading.current_thread().name)
        return size(self)

    monkeypatch.setattr(RecordingFile, "bytes", noted)
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0)
    write_all(recorder, [restored(i, t) for i, t in enumerate(STEADY)])
    recorder.finish()
    state = recorder.state()
    assert state.paths == (tmp_path / "video.mp4",)
    assert state.seconds == pytest.approx(29 / 25, abs=0.01)
    assert state.bytes == (tmp_path / "video.mp4").stat().st_size
    assert asking == {"recording"}, "a disk that does not answer holds up nobody else"
    assert state.error is None


def test_nothing_that_exists_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"precious")
    with pytest.raises(OutputError, match="already"):
        started(tmp_path / "video.mp4", SIZE, 25.0)
    assert (tmp_path / "video.mp4").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError):
        started(tmp_path / "file" / "video.mp4", SIZE, 25.0)


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        started(tmp_path / "video.mp4", SIZE, 25.0, mode="upside-down")


def noise(index: int) -> Image:
    """A picture that costs about 40 kB in a video."""
    grains = np.random.default_rng(index).integers(0, 256, (80, 106, 3), np.uint8)
    return np.asarray(cv2.resize(grains, (640, 480), interpolation=cv2.INTER_LINEAR), np.uint8)


def record_until_it_ends(path: Path, *, reserve_bytes: int) -> tuple[VideoRecorder, list[RecordingError]]:
    errors: list[RecordingError] = []
    ended = threading.Event()

    def note(error: RecordingError) -> None:
        errors.append(error)
        ended.set()

    recorder = started(path, (640, 480), 25.0, mode="restored", on_error=note, reserve_bytes=reserve_bytes)
    for i in range(400):
        write_all(recorder, [restored(i, i / 25, image=noise(i))])
        if ended.is_set():
            break
    assert ended.wait(20), "the disk never got full"
    return recorder, errors


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if sys.platform == "linux"
        else None
    )
    if mounted is None or mounted.returncode != 0:
        pytest.skip("a small disk can only be mounted by root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_ends_the_video_before_it_is_full(small_disk: Path) -> None:
    recorder, errors = record_until_it_ends(small_disk / "video.mp4", reserve_bytes=3_000_000)
    assert "almost full" in errors[0].what
    assert "video.mp4" in errors[0].hint
    assert recorder.finish() == (small_disk / "video.mp4",)
    assert len(errors) == 1
    assert len(decoded(small_disk / "video.mp4")[0]) > 5


def test_a_full_disk_leaves_a_video_that_plays(small_disk: Path) -> None:
    recorder, errors = record_until_it_ends(small_disk / "video.mp4", reserve_bytes=0)
    assert "no room" in errors[0].what
    assert recorder.finish() == (small_disk / "video.mp4",)
    assert recorder.state().error is errors[0]
    images, stamps = decoded(small_disk / "video.mp4")
    assert len(images) >= 25
    assert all(a < b for a, b in itertools.pairwise(stamps))


def test_without_a_listener_finish_raises_what_ended_the_video(small_disk: Path) -> None:
    recorder = started(small_disk / "video.mp4", (640, 480), 25.0, mode="restored", reserve_bytes=0)
    for i in range(400):
        write_all(recorder, [restored(i, i / 25, image=noise(i))])
        if recorder.state().error is not None:
            break
    with pytest.raises(RecordingError, match="no room"):
        recorder.finish()
    assert len(decoded(small_disk / "video.mp4")[0]) >= 25


def test_a_disk_without_room_refuses_to_begin(small_disk: Path) -> None:
    with pytest.raises(OutputError, match="no room"):
        started(small_disk / "video.mp4", SIZE, 25.0)
    assert list(small_disk.iterdir()) == []


def test_an_output_that_fails_in_any_other_way_is_reported_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="restored")
    write_all(recorder, [restored(i, i / 25) for i in range(5)])

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("app.outputs.recordings.file.RecordingFile.write", fail)
    write_all(recorder, [restored(6, 1.0)])
    with pytest.raises(RecordingError, match="cannot be written"):
        recorder.finish()


def test_a_name_that_is_taken_meanwhile_is_reported_and_the_other_file_completed(tmp_path: Path) -> None:
    told: list[RecordingError] = []
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="two-files", on_error=told.append)
    write_all(recorder, [restored(i, t) for i, t in enumerate(STEADY)])
    (tmp_path / "video-before.mp4").write_bytes(b"somebody else's")
    assert recorder.finish() == (tmp_path / "video-after.mp4",)
    assert (tmp_path / "video-before.mp4").read_bytes() == b"somebody else's"
    assert len(decoded(tmp_path / "video-after.mp4")[0]) == 30
    assert "already" in told[0].what
    assert recorder.state().error is told[0]


def test_a_recording_that_gets_no_name_at_all_is_left_to_the_next_start(tmp_path: Path) -> None:
    told: list[RecordingError] = []
    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="restored", on_error=told.append)
    write_all(recorder, [restored(i, t) for i, t in enumerate(STEADY)])
    (tmp_path / "video.mp4").write_bytes(b"somebody else's")
    assert recorder.finish() == ()
    assert "next start" in told[0].hint
    (part,) = tmp_path.glob("*.part")
    assert len(_playable_part(part)[0]) == 30


def test_a_recording_that_cannot_be_read_back_is_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[RecordingError] = []
    video = tmp_path / f"{RECORDING_STEM}-1.mp4"
    recorder = started(video, SIZE, 25.0, mode="restored", on_error=told.append)
    write_all(recorder, [restored(i, t) for i, t in enumerate(STEADY)])

    def refuse(path: Path) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr("app.outputs.recordings.file.open_video", refuse)
        assert recorder.finish() == ()
    assert "next start" in told[0].hint
    assert rescue_recordings(tmp_path) == (video,), "nobody holds it any more"
    assert len(decoded(video)[0]) == 30


def _playable_part(path: Path) -> tuple[list[Image], list[float]]:
    """What a player shows of a video whose end is missing."""
    images, stamps = [], []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                images.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
                stamps.append(frame.time)
        except av.FFmpegError:
            pass
    return images, stamps


_CRASHING = """
import sys, threading
from pathlib import Path
from tests.outputs.test_recorder import SIZE, restored, started, write_all
recorder = started(Path(sys.argv[1]), SIZE, 25.0, mode="restored")
write_all(recorder, [restored(i, i / 25) for i in range(100)])
print("written", flush=True)
threading.Event().wait()
"""


def test_the_video_of_a_killed_process_is_rescued(tmp_path: Path) -> None:
    video = tmp_path / f"{RECORDING_STEM}-2026-01-01.mp4"
    process = subprocess.Popen(
        [sys.executable, "-c", _CRASHING, str(video)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    assert rescue_recordings(tmp_path) == ()  # it is being made
    process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    process.wait()
    process.stdout.close()
    assert not video.exists()
    shown, _ = _playable_part(next(tmp_path.glob("*.part")))
    assert len(shown) >= 50

    assert rescue_recordings(tmp_path) == (video,)

    images, _ = decoded(video)  # to its end without an error
    assert len(images) >= 50
    assert [number_of(image) for image in images] == list(range(1, len(images) + 1))
    assert list(tmp_path.iterdir()) == [video]


def test_a_recording_of_under_a_second_survives_a_kill(tmp_path: Path) -> None:
    encoded = "while recorder.state().seconds < 0.7:\n    threading.Event().wait(0.01)\nprint("
    program = _CRASHING.replace("range(100)", "range(20)").replace("print(", encoded)
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / f"{RECORDING_STEM}-short.mp4")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.wait()
    process.stdout.close()
    (video,) = rescue_recordings(tmp_path)
    assert [number_of(image) for image in decoded(video)[0]][:5] == [1, 2, 3, 4, 5]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that is open")
def test_a_recording_that_is_deleted_while_it_grows_is_noticed(tmp_path: Path) -> None:
    ended: list[RecordingError] = []
    recorder = VideoRecorder(tmp_path / "video.mp4", SIZE, 25.0, mode="restored", on_error=ended.append)
    recorder.start()
    write_all(recorder, [restored(i, i / 25) for i in range(10)])
    (part,) = tmp_path.glob("*.part")
    while part.stat().st_size == 0:
        time.sleep(0.002)
    part.unlink()
    write_all(recorder, [restored(i, i / 25) for i in range(10, 60)])
    recorder.finish()
    assert "deleted" in ended[0].what
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_recordings_are_private(tmp_path: Path) -> None:
    (video,) = record(tmp_path / "videos" / "video.mp4", [0.0, 0.04])
    assert video.stat().st_mode & 0o777 == 0o600
    assert video.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_no_video_is_not_rescued(tmp_path: Path) -> None:
    empty, foreign = tmp_path / f"{RECORDING_STEM}-1.mp4.0123abcd.part", tmp_path / "holiday.mp4.part"
    own, whole = tmp_path / f"{RECORDING_STEM}-2.mp4.part", tmp_path / f"{RECORDING_STEM}-2.mp4"
    for path in (empty, foreign, own, whole):
        path.write_bytes(b"")
    assert rescue_recordings(tmp_path) == ()
    assert sorted(tmp_path.iterdir()) == sorted((foreign, own, whole))
    assert rescue_recordings(tmp_path / "missing") == ()


def test_a_recording_that_cannot_be_read_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / f"{RECORDING_STEM}-1.mp4.0123abcd.part"
    part.write_bytes(b"")

    def refuse(path: Path) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("app.outputs.recordings.file.open_video", refuse)
    assert rescue_recordings(tmp_path) == ()
    assert part.exists()


class Tone:
    """A microphone with a click at every whole second from `t_start` on, in place of a real device."""

    rate = 48000
    channels = 1

    def __init__(self, t_start: float, seconds: float) -> None:
        samples = np.zeros((int(seconds * self.rate), 1), np.float32)
        for second in range(int(seconds) + 1):
            samples[second * self.rate : second * self.rate + 480] = 0.8
        self._blocks = [
            AudioBlock(samples=samples[i : i + 960], t_capture=t_start + i / self.rate)
            for i in range(0, len(samples), 960)
        ]
        self.running = False

    def start(self) -> None:
        self.running = True

    def read(self) -> list[AudioBlock]:
        blocks, self._blocks = self._blocks, []
        return blocks

    def stop(self) -> None:
        self.running = False


def heard(path: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        return samples, frames[0].sample_rate


def test_sound_is_in_step_with_the_pictures(tmp_path: Path) -> None:
    # Pictures start 0.4 s after the microphone, so its clicks at whole seconds lie at 0.6 s and 1.6 s of the video.
    microphone = Tone(t_start=100.0, seconds=3.0)
    record(tmp_path / "video.mp4", [100.4 + i / 25 for i in range(50)], mode="restored", audio=microphone)
    samples, rate = heard(tmp_path / "video.mp4")
    loud = np.flatnonzero(np.abs(samples) > 0.4) / rate
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-1.0) > 0.5)]
    assert np.allclose(starts, [0.6, 1.6, 2.6][: len(starts)], atol=0.03)
    assert len(starts) >= 2
    assert not microphone.running


def test_sound_that_waits_for_the_first_picture_is_kept(tmp_path: Path) -> None:
    asked = threading.Event()

    class Eager(Tone):
        def read(self) -> list[AudioBlock]:
            asked.set()
            return super().read()

    recorder = started(tmp_path / "video.mp4", SIZE, 25.0, mode="restored", audio=Eager(t_start=100.0, seconds=1.5))
    asked.wait(0.2)  # a recorder that asked now would have no place for the answer
    write_all(recorder, [restored(i, 100.0 + i / 25) for i in range(30)])
    recorder.finish()
    assert np.abs(heard(tmp_path / "video.mp4")[0][:24000]).max() > 0.4, "the click at the very beginning"


def test_behind_a_long_pause_its_silence_is_written_between_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture comes in the time that each piece of the silence takes."""
    pieces: list[int] = []
    write_sound = RecordingFile.write_sound

    def write_slowly(self: RecordingFile, samples: Samples) -> None:
        write_sound(self, samples)
        pieces.append(len(samples))
        if len(pieces) <= 60:
            recorder.put(FrameViews(restored(len(pieces), 160.0 + len(pieces) / 25), split=0.5))

    monkeypatch.setattr(RecordingFile, "write_sound", write_slowly)
    microphone = Tone(t_start=160.0, seconds=1.0)
    recorder = VideoRecorder(tmp_path / "video.mp4", SIZE, 25.0, mode="restored", audio=microphone)
    recorder.start()
    recorder.put(FrameViews(restored(0, 100.0), split=0.5))
    while sum(pieces) < 61 * Tone.rate:
        assert recorder.state().error is None
        time.sleep(0.002)
    recorder.finish()
    assert max(pieces) <= Tone.rate
    assert (recorder.state().sent, recorder.state().dropped) == (61, 0)
    samples, rate = heard(tmp_path / "video.mp4")
    assert np.flatnonzero(np.abs(samples) > 0.4)[0] / rate == pytest.approx(60.0, abs=0.03)


def test_both_of_two_files_have_the_sound(tmp_path: Path) -> None:
    paths = record(tmp_path / "video.mp4", STEADY, mode="two-files", audio=Tone(t_start=100.0, seconds=1.5))
    for path in paths:
        assert np.abs(heard(path)[0]).max() > 0.4


def test_a_microphone_that_does_not_start_costs_only_the_sound(tmp_path: Path) -> None:
    class Dead(Tone):
        def start(self) -> None:
            raise OSError("no such device")

    record(tmp_path / "video.mp4", STEADY, mode="restored", audio=Dead(0.0, 1.0))
    with av.open(str(tmp_path / "video.mp4")) as container:
        assert not container.streams.audio
        assert len(list(container.decode(video=0))) == 30


def test_the_first_encoder_that_opens_is_used() -> None:
    absent = EncoderChoice(name="h264_of_the_future")
    assert choose_encoder((absent, *LIVE_ENCODERS), width=64, height=64, time_base=TIME_BASE).name == "libx264"
    with pytest.raises(RecordingError, match="No encoder"):
        choose_encoder((absent,), width=64, height=64, time_base=TIME_BASE)


def test_what_is_too_wide_for_any_encoder_has_a_way_out() -> None:
    with pytest.raises(RecordingError, match="smaller view or scale"):
        choose_encoder(LIVE_ENCODERS, width=23040, height=64, time_base=TIME_BASE)


def test_without_h264_the_video_is_still_recorded(tmp_path: Path) -> None:
    record(tmp_path / "video.mp4", STEADY, mode="restored", candidates=LIVE_ENCODERS[-1:])
    images, _ = decoded(tmp_path / "video.mp4")
    assert [number_of(image) for image in images] == list(range(1, 31))


def test_a_recording_that_is_not_encoded_in_time_says_so_and_goes_on(tmp_path: Path) -> None:
    recorder = started(tmp_path / "long.mp4", SIZE, 25.0, mode="restored", finish_s=0.0)
    write_all(recorder, [restored(i, i / 25) for i in range(5)])
    try:
        with pytest.raises(RecordingError, match=r"longer than 0 s.*long\.mp4"):
            recorder.finish()
    finally:
        recorder._thread.join(20)
    assert recorder.finish() == (tmp_path / "long.mp4",)
