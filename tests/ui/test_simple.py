"""Simple first: quality, states in words, the bad camera, the card, the hints of the first start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLabel
from pytestqt.qtbot import QtBot

from app.core.errors import SourceOfflineError
from app.core.settings import Settings
from app.core.types import Frame, Image
from app.media.pictures.degrade import degrade
from app.pipeline.capture.status import SourceStatus
from app.pipeline.live.inference import made_bad
from app.ui.preview.state_text import Badge, badges, slowed_down, tile_words
from app.ui.settings_store import DEFAULTS, SettingsStore
from app.ui.texts.quality import changes_for, quality_of, quality_sentence
from app.ui.window import MainWindow
from tests.ui.scripted import CAMERA, ONLINE, ScriptedSession, restored_frame, statistics

MakeWindow = Callable[..., MainWindow]


def said(shown: Sequence[Badge]) -> list[tuple[str, str]]:
    """The words and tones of badges."""
    return [(str(badge.words), badge.tone) for badge in shown]


def deliver(
    qtbot: QtBot, window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image], *, faces: int = 1
) -> None:
    session.next_frame = restored_frame(*pictures, index=25, boxes=[(500, 200, 800, 500)] * faces)
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()


def test_auto_is_the_default_of_the_window_and_a_named_k_is_kept(store: SettingsStore) -> None:
    assert quality_of(store.load()) == "auto"
    store.save(store.load().replace(auto_k=False, k=1))
    assert quality_of(store.load()) == "fast"
    named = SettingsStore(store._backend, overrides={"k": 2})
    assert quality_of(named.load()) == "faithful"


def test_every_quality_sets_what_it_says() -> None:
    for key in ("fast", "faithful", "best", "auto"):
        assert quality_of(DEFAULTS.replace(**changes_for(key, DEFAULTS))) == key
    assert quality_of(Settings(k=4)) is None


def test_the_sentence_agrees_with_what_runs() -> None:
    auto = Settings(k=3, auto_k=True)
    assert str(quality_sentence(auto, running_k=0, reason="")) == "As good as this machine can do in time."
    assert str(quality_sentence(auto, running_k=3, reason="")).startswith("Now Best look (3 cycles)")
    assert str(quality_sentence(auto, running_k=1, reason="it needs 61 ms")) == "Now Fast (1 cycle): it needs 61 ms."
    assert str(quality_sentence(Settings(k=2), running_k=2, reason="")).startswith("Faithful (2 cycles)")


def test_the_picture_tells_its_state_in_words() -> None:
    assert badges(faces=1, live=True) == ()
    assert said(badges(faces=0, live=True)) == [("No face found", "warning")]
    assert said(badges(faces=1, live=True, sharp=1)) == [("Face already sharp", "plain")]
    assert badges(faces=2, live=True, sharp=1) == ()
    assert said(badges(faces=None, live=True)) == [("Loading the network…", "plain")]
    words = [
        str(badge.words) for badge in badges(faces=1, live=True, slow="12 of 25 frames a second", recording_s=65.0)
    ]
    assert words == ["Recording 01:05", "Slowed down: 12 of 25 frames a second"]
    assert badges(faces=1, live=False, slow="0 of 25 frames a second") == (), "nothing stale about speed"
    assert str(slowed_down(replace(statistics(), fps_in=30.0, fps_out=12.0))) == "12 of 30 frames a second"
    assert slowed_down(replace(statistics(), fps_in=30.0, fps_out=29.0)) == ""


def test_a_picture_without_a_face_is_not_called_restored() -> None:
    assert tile_words("restored", faces=1, degraded=False) == "Restored"
    assert tile_words("restored", faces=0, degraded=False) == "No face to restore"
    assert tile_words("original", faces=1, degraded=True) == "Made bad"


def test_recording_is_seen_with_the_panel_hidden(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    window.panel.record.click()
    window.actions_by_name["toggle_panel"].trigger()
    qtbot.waitUntil(lambda: ("Recording 00:05", "recording") in said(window.preview.badges), timeout=3000)


def test_an_offline_camera_says_since_when_and_no_speed(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    qtbot.waitUntil(lambda: bool(window.status_line.speed.text()), timeout=3000)
    error = SourceOfflineError("It stopped.")
    window._host.on_status(SourceStatus(state="offline", info=CAMERA, error=error, retry_in_s=4.0))
    qtbot.waitUntil(lambda: "is offline since" in window.banner.text(), timeout=3000)
    qtbot.waitUntil(lambda: window.status_line.speed.text() == "", timeout=3000)


def test_the_switch_makes_the_camera_bad_and_b_does_it_too(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    assert not window.panel._bad_slider.isVisible()
    window.actions_by_name["degrade"].trigger()
    assert session.settings is not None
    assert session.settings.degrade
    assert window.panel._bad_slider.isVisible()


def test_a_bad_picture_keeps_its_size_and_gets_worse(pictures: tuple[Image, Image]) -> None:
    true = pictures[0]
    errors = [float(np.abs(degrade(true, strength).astype(int) - true).mean()) for strength in (0.0, 0.5, 1.0)]
    assert degrade(true, 0.5).shape == true.shape
    assert errors[0] < errors[1] < errors[2]
    assert np.array_equal(degrade(true, 0.5, index=3), degrade(true, 0.5, index=3))


def test_the_true_picture_stays_beside_the_bad_one(pictures: tuple[Image, Image]) -> None:
    frame = Frame(image=pictures[0], index=0, t_capture=0.0, t_media=0.0)
    bad = made_bad(frame, Settings(degrade=True))
    assert bad.true_image is frame.image
    assert not np.array_equal(bad.image, frame.image)
    again = made_bad(bad, Settings(degrade=True))
    assert np.array_equal(again.image, bad.image), "it is made from the true one, not made worse and worse"
    assert made_bad(bad, Settings()).image is frame.image


def test_the_card_is_off_and_l_brings_it_clear_of_the_face(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    assert window.preview._card.model is None
    window.actions_by_name["show_overlay"].trigger()
    qtbot.waitUntil(lambda: window.preview._card.box is not None, timeout=3000)
    card = window.preview._card.box
    scene = window.preview.scene()
    assert card is not None
    assert scene is not None
    assert not any(card.overlaps(face) for face in scene.face_boxes())
    grip = QPoint(round(card.x) + 5, round(card.y) + 5)
    qtbot.mousePress(window.preview, Qt.MouseButton.LeftButton, pos=grip)
    qtbot.mouseMove(window.preview, grip + QPoint(0, 90))
    qtbot.mouseRelease(window.preview, Qt.MouseButton.LeftButton, pos=grip + QPoint(0, 90))
    window.preview.repaint()
    moved = window.preview._card.box
    assert moved is not None
    assert moved.y == pytest.approx(card.y + 90, abs=1)


def test_the_hints_come_once(
    qtbot: QtBot,
    make_window: MakeWindow,
    store: SettingsStore,
    session: ScriptedSession,
    pictures: tuple[Image, Image],
) -> None:
    window = make_window()
    store._backend.remove("window/hints")
    deliver(qtbot, window, session, pictures)
    assert window.hints is not None
    assert len(window.hints.words()) == 3
    window.resize(860, 540)
    bubbles = window.findChildren(QFrame, "hint")
    qtbot.waitUntil(lambda: all(window.rect().contains(bubble.geometry()) for bubble in bubbles), timeout=3000)
    bubble = next(label for label in window.findChildren(QLabel) if "divider" in label.text())
    qtbot.mouseClick(bubble, Qt.MouseButton.LeftButton)
    assert window.hints.words() == ()
    assert store.hints_were_seen()


def test_advanced_scrolls_into_view(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(size=(1024, 640))
    bar = window.panel.scroll_area.verticalScrollBar()
    assert bar.value() == 0
    window.panel._advanced_toggle.click()
    qtbot.waitUntil(lambda: bar.value() > 0, timeout=3000)
    assert window.panel._advanced_toggle.visibleRegion().boundingRect().height() > 0
