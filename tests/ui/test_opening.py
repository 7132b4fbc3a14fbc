"""Sources that are asked for while another one plays, is opened or is away: what the window shows is what it has."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.pipeline.capture.status import SourceState, SourceStatus
from app.sources.base import SourceInfo
from app.sources.video import VIDEO as VIDEO_KIND
from app.ui.window import MainWindow
from tests.ui.scripted import CAMERA, ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
FILM = SourceInfo(name="film.mp4", kind=VIDEO_KIND, width=1280, height=720, fps=25.0, duration_s=10.0)
CONNECTING, PLAYING = SourceStatus(state="connecting"), SourceStatus(state="online", info=FILM)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"0")
    return path


def put_online(qtbot: QtBot, window: MainWindow) -> None:
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)


def keep_busy(window: MainWindow) -> threading.Event:
    """Have the host's background thread do nothing until the event is set, but no longer than a test may take."""
    done = threading.Event()
    window._host._submit(lambda: done.wait(10))
    return done


def show_frame(window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image]) -> None:
    session.next_frame = restored_frame(*pictures)
    window._on_frame()


@pytest.mark.parametrize("told_before", [0, 1, 2])
def test_of_two_sources_asked_for_at_once_the_one_that_is_opened_counts(
    qtbot: QtBot,
    make_window: MakeWindow,
    session: ScriptedSession,
    film: Path,
    monkeypatch: pytest.MonkeyPatch,
    told_before: int,
) -> None:
    """The film is opened and what follows is refused, before which the film told `told_before` times of itself."""
    window = make_window()
    put_online(qtbot, window)
    absent = film.with_name("absent.mp4")
    statuses = [CONNECTING, PLAYING]

    def opens(spec: Any, **_: Any) -> None:
        for status in statuses[:told_before]:
            window._host.on_status(status)

    monkeypatch.setattr(session, "open", opens)
    busy = keep_busy(window)
    window.open_source(str(film))
    window.open_source(str(absent))
    busy.set()
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    if told_before == 1:
        assert window.preview.message[0] == f"Opening {film}…"
    for status in statuses[told_before:]:
        window._host.on_status(status)
    assert window.notifications.texts()[0][0] == f"There is no file or folder {absent}."
    assert (window.source.state, window.source.info, window.source.file) == ("online", FILM, film)
    assert window.status_line.source.text() == "film.mp4"
    assert window.settings.source == str(film), "it is what is remembered"


def test_the_next_source_of_two_takes_its_turn(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    put_online(qtbot, window)
    second = film.with_name("second.mp4")
    second.write_bytes(b"0")

    def opens(spec: Any, **_: Any) -> None:
        window._host.on_status(CONNECTING)
        if spec.address == str(film):
            window._host.on_status(PLAYING)

    monkeypatch.setattr(session, "open", opens)
    busy = keep_busy(window)
    window.open_source(str(film))
    window.open_source(str(second))
    busy.set()
    qtbot.waitUntil(lambda: window.settings.source == str(film), timeout=5000)
    qtbot.waitUntil(lambda: window.source.state == "connecting", timeout=5000)
    assert (window.source.info, window.preview.message[0]) == (None, f"Opening {second}…")
    assert not window.banner.isVisible()
    window._host.on_status(PLAYING)
    assert window.source.file == second


def test_what_is_being_opened_goes_on_when_another_source_is_refused(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, film: Path
) -> None:
    window = make_window()
    window.open_source(str(film))
    qtbot.waitUntil(lambda: [name for name, _ in session.calls].count("open") == 2, timeout=5000)
    window._host.on_status(CONNECTING)
    window.open_source(str(film.with_name("absent.mp4")))
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    assert window.preview.message[0] == f"Opening {film}…"
    window._host.on_status(PLAYING)
    assert window.source.file == film


def test_a_source_that_is_refused_twice_leaves_what_plays(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], film: Path
) -> None:
    window = make_window()
    put_online(qtbot, window)
    show_frame(window, session, pictures)
    shown = window.preview.restored
    failures: list[object] = []
    window.source.failed.connect(failures.append)
    busy = keep_busy(window)
    for _ in range(2):
        window.open_source(str(film.with_name("absent.mp4")))
    busy.set()
    qtbot.waitUntil(lambda: len(failures) == 2, timeout=5000)
    assert (window.source.state, window.source.info) == ("online", CAMERA)
    assert window.preview.restored is shown


@pytest.mark.parametrize("state", ["offline", "ended"])
@pytest.mark.parametrize("changes_meanwhile", [False, True])
def test_what_is_offline_or_has_ended_is_so_after_another_source_is_refused(
    qtbot: QtBot,
    make_window: MakeWindow,
    session: ScriptedSession,
    pictures: tuple[Image, Image],
    film: Path,
    state: SourceState,
    changes_meanwhile: bool,
) -> None:
    window = make_window()
    info = CAMERA if state == "offline" else FILM
    window._host.on_status(SourceStatus(state="online", info=info))
    show_frame(window, session, pictures)
    shown = window.preview.restored
    away = SourceStatus(state=state, info=info, retry_in_s=8.0 if state == "offline" else None)
    if not changes_meanwhile:
        window._host.on_status(away)
    busy = keep_busy(window)
    window.open_source(str(film.with_name("absent.mp4")))
    window.live_state.tick()
    if changes_meanwhile:
        window._host.on_status(away)
    else:
        assert not window.banner.isVisible(), "it is of what is being opened"
    busy.set()
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    assert (window.source.state, window.source.info) == (state, info)
    assert window.status_line.facts.text() == state
    assert window.preview.restored is shown
    assert window.preview._dimmed == (state == "offline")
    if state == "offline":
        window.live_state.tick()
        assert "is offline since" in window.banner.text()
        assert "Trying again in" in window.banner.text()


def test_a_source_that_is_opened_again_ends_its_pause(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    put_online(qtbot, window)
    window.source.toggle_pause()
    window._host.on_status(SourceStatus(state="offline", info=CAMERA, retry_in_s=8.0))
    window.open_source(window.source.wanted)
    window._host.on_status(SourceStatus(state="offline", info=CAMERA, retry_in_s=8.0))  # was under way
    window._host.on_status(CONNECTING)
    window._host.on_status(ONLINE)
    assert not window.banner.isVisible(), window.banner.text()
    window.source.toggle_pause()
    qtbot.waitUntil(lambda: session.calls[-1] == ("set_paused", True), timeout=3000)


def test_the_camera_that_fails_after_a_refused_file_is_the_one_to_try_again(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, film: Path
) -> None:
    window = make_window()
    window.open_source("camera:Absent")
    qtbot.waitUntil(lambda: [name for name, _ in session.calls].count("open") == 2, timeout=5000)
    window._host.on_status(CONNECTING)
    window.open_source(str(film.with_name("absent.mp4")))
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    window._host.on_status(SourceStatus(state="failed"))
    assert window.source.wanted == "camera:Absent"
