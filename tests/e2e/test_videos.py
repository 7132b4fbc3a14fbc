"""Real videos in the real window: their own speed and sound, seeking, recording, sharing, pictures of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from app.core.types import Restored
from app.outputs.sharing.clip import CLIP_FPS, LARGEST_BYTES
from app.outputs.sharing.gallery import recorded_files
from app.sources.images import PICTURE_SECONDS
from app.ui.texts.source import DEMO_CLIP
from app.ui.window import MainWindow
from tests.e2e.steps import decode, record, seconds_recorded, stop, wait_for_restored_face
from tools.beeps import steps_ms, write_beeps

OpenWindow = Callable[..., MainWindow]


def follow(window: MainWindow) -> list[Restored]:
    """The frames that are painted from now on."""
    painted: list[Restored] = []
    window.preview.painted.connect(lambda restored, _ms: painted.append(restored))
    return painted


def captured_s(painted: list[Restored]) -> float:
    return painted[-1].frame.t_capture - painted[0].frame.t_capture if painted else 0.0


def test_a_video_plays_at_its_own_speed_and_what_comes_too_late_is_counted(
    qtbot: QtBot, open_window: OpenWindow
) -> None:
    window = open_window(str(DEMO_CLIP), k=4)
    wait_for_restored_face(qtbot, window, k=4)
    painted = follow(window)
    qtbot.waitUntil(lambda: captured_s(painted) > 4.0, timeout=40000)
    slips = np.diff([each.frame.t_capture - each.frame.t_media for each in painted])
    # A machine that was away for half a second or more goes on from where it was; nothing else moves the clock.
    assert all(abs(slip) < 0.002 or slip > 0.4 for slip in slips), "neither slow motion nor fast"
    left_out = painted[-1].frame.index - painted[0].frame.index + 1 - len(painted)
    statistics = window._host.statistics()
    assert statistics is not None
    assert statistics.dropped > 0 or left_out < 20


def test_a_recording_of_a_video_has_its_speed_and_its_sound_in_step(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    source = tmp_path / "beeps.mp4"
    write_beeps(source, seconds=8)
    window = open_window(str(source), k=1, record_mode="restored", record_sound=True)
    qtbot.waitUntil(lambda: window.preview.restored is not None, timeout=20000)
    qtbot.waitUntil(lambda: window.panel.record.text() == "Record", timeout=5000)
    record(qtbot, window)
    kind = window.panel.findChild(QComboBox, "record_mode")
    assert kind is not None
    assert not kind.isEnabled()
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 4.0, timeout=30000)
    path = stop(qtbot, window)
    # A flash whose first pictures were dropped begins late; one that begins early would be out of step.
    assert abs(steps_ms(path).max()) < 40
    even = np.diff(decode(path).seconds)[1:]  # the first picture also fills the encoder delay of the sound
    assert np.ptp(even) < 0.002, "an even rate, however late the frames came"


def test_seeking_while_paused_moves_clock_picture_and_bar_together(qtbot: QtBot, open_window: OpenWindow) -> None:
    window = open_window(str(DEMO_CLIP), k=1)
    wait_for_restored_face(qtbot, window, k=1)
    qtbot.keyClick(window.preview, Qt.Key.Key_Space)
    bar = window.transport.bar
    for part in (0.75, 0.25):
        place = QPoint(round(bar.width() * part), bar.height() // 2)
        qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=place)
        wanted = bar.value() / 1000 * window.transport._duration

        def is_there(wanted: float = wanted) -> bool:
            shown = window.preview.restored
            return shown is not None and abs(shown.frame.t_media % window.transport._duration - wanted) < 0.1

        qtbot.waitUntil(is_there, timeout=20000)
        assert window.transport._place.text() in (f"00:{int(wanted):02}", f"00:{int(wanted + 0.1):02}")
        assert bar.value() / 1000 == pytest.approx(part, abs=0.03)


def test_a_clip_a_picture_and_the_gallery_from_a_video(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(str(DEMO_CLIP), k=1)
    wait_for_restored_face(qtbot, window, k=1)
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.frame.t_media > 7, timeout=40000
    )
    with qtbot.waitSignal(window._host.clip_made, timeout=60000) as made:
        window.actions_by_name["share_clip"].trigger()
    (clip,) = made.args
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (960, 540, CLIP_FPS)
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
        assert 5.5 <= len(frames) / CLIP_FPS <= 10.5
    assert clip.stat().st_size < LARGEST_BYTES
    lightest = [int(frame[:, 20:-20].min(axis=(0, 2)).argmax()) for frame in frames[len(frames) // 4 :: 12]]
    assert max(lightest) - min(lightest) > 300, "the divider sweeps across"
    with qtbot.waitSignal(window._host.picture_saved, timeout=20000) as saved:
        window.actions_by_name["save_before_after"].trigger()
    pictures = saved.args[0]
    assert {path.suffix for path in pictures} == {".png", ".jpg"}
    window.actions_by_name["copy_before_after"].trigger()
    assert QApplication.clipboard().image().width() == 1280
    names = {entry.path.name for entry in recorded_files(clip.parent)}
    assert {clip.name, *(path.name for path in pictures)} <= names


def test_a_folder_stands_still_is_gone_through_and_restored_once(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    with av.open(str(DEMO_CLIP)) as container:
        for name, frame in zip(("a.png", "b.png", "c.png"), container.decode(video=0), strict=False):
            cv2.imwrite(str(folder / name), frame.to_ndarray(format="bgr24"))
    window = open_window(str(folder), k=3, show_overlay=True)
    wait_for_restored_face(qtbot, window, k=3)
    qtbot.waitUntil(lambda: window.picture_bar.count.text() == "1 of 3", timeout=5000)
    painted = follow(window)
    qtbot.wait(round(PICTURE_SECONDS * 1000) + 500)  # longer than a slide show would show it
    assert len({id(restored) for restored in painted}) <= 1, "nothing is restored again and again"
    assert window.picture_bar.count.text() == "1 of 3", "no slide show"
    assert window.preview.restored is not None
    assert window.preview.restored.frame.picture == 0
    assert window.status_line.speed.text() == ""
    assert window.preview._card.model is None, "no budget that could be red"
    first = window.preview.restored
    window.actions_by_name["next_picture"].trigger()
    qtbot.waitUntil(lambda: window.preview.restored is not first, timeout=20000)
    qtbot.waitUntil(lambda: window.picture_bar.name.text() == "b.png", timeout=5000)
    wait_for_restored_face(qtbot, window, k=3)
    window.actions_by_name["previous_picture"].trigger()
    qtbot.waitUntil(lambda: window.picture_bar.count.text() == "1 of 3", timeout=5000)


def test_a_video_called_demo_keeps_its_name(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    own = tmp_path / "demo.mp4"
    own.write_bytes(DEMO_CLIP.read_bytes())
    window = open_window(str(own), k=1)
    qtbot.waitUntil(lambda: window.status_line.source.text() == "demo.mp4", timeout=20000)
