"""One of two people before a real camera is restored alone, followed, recorded, and let go again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.core.types import Image, Restored
from app.ui.window import MainWindow
from tests.e2e.steps import decode, record, seconds_recorded, stop
from tests.mjpeg_server import MjpegServer
from tests.vision import blurred, show

OpenWindow = Callable[..., MainWindow]
RIGHT = 460.0


def left_at(index: int) -> float:
    """Where the person at the left stands: slowly to and fro."""
    return 150.0 + 40.0 * abs((index % 40) / 20 - 1)


@cache
def two_people(step: int) -> Image:
    frame, _ = show(size=(640, 480), centre=(left_at(step), 240), scale=0.8)
    frame, _ = show(onto=frame, centre=(RIGHT, 240), scale=0.8)
    return blurred(frame, 2.0)


@pytest.fixture
def camera_with_two() -> Iterator[MjpegServer]:
    with MjpegServer(lambda index: two_people(index % 40), fps=10) as server:
        yield server


def changed(before: Image, after: Image, x: float) -> float:
    around = np.s_[180:300, int(x) - 50 : int(x) + 50]
    return float(np.abs(before[around].astype(int) - after[around]).mean())


def changes(shown: Restored) -> tuple[float, float]:
    """Mean change of the left and the right person's face in levels."""
    left = min(float(face.box[0] + face.box[2]) / 2 for face in all_faces(shown))
    return tuple(changed(shown.frame.image, shown.image, x) for x in (left, RIGHT))  # type: ignore[return-value]


def all_faces(shown: Restored) -> list[object]:
    return [*(entry.face for entry in shown.faces), *shown.left_alone]


def wait_for(qtbot: QtBot, window: MainWindow, condition: Callable[[Restored], bool]) -> Restored:
    found: list[Restored] = []

    def holds() -> bool:
        shown = window.preview.restored
        if shown is not None and len(all_faces(shown)) == 2 and condition(shown):
            found.append(shown)
        return bool(found)

    qtbot.waitUntil(holds, timeout=30000)
    return found[0]


def click_on(qtbot: QtBot, window: MainWindow, x: float) -> None:
    scene = window.preview.scene()
    assert scene is not None
    target = scene.layout.tiles[-1].target
    place = QPoint(round(target.x + x / 640 * target.width), round(target.y + 0.5 * target.height))
    qtbot.mouseClick(window.preview, Qt.MouseButton.LeftButton, pos=place)


def test_one_of_two_people_is_restored_alone_and_recorded_so(
    qtbot: QtBot, open_window: OpenWindow, camera_with_two: MjpegServer
) -> None:
    window = open_window(camera_with_two.url, k=2, steady=0, view="restored", record_mode="side-by-side")
    both = wait_for(qtbot, window, lambda shown: len(shown.faces) == 2)
    assert min(changes(both)) > 0.5
    click_on(qtbot, window, 170)
    alone = wait_for(qtbot, window, lambda shown: shown.alone and len(shown.faces) == 1)
    assert changes(alone)[0] > 0.5
    assert changes(alone)[1] == 0
    record(qtbot, window)
    followed: list[Restored] = []
    window.preview.painted.connect(lambda restored, _ms: followed.append(restored))
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 3.0, timeout=30000)
    path = stop(qtbot, window)
    assert all(changes(each)[1] == 0 for each in followed if len(all_faces(each)) == 2)
    places = [float(each.faces[0].face.box[0]) for each in followed if each.faces]
    assert max(places) - min(places) > 15, "the same person, who moves"

    picture = decode(path).images[-1]
    before, after = picture[:, :640], picture[:, 640:]
    at = places[-1] + float(followed[-1].faces[0].face.box[2] - followed[-1].faces[0].face.box[0]) / 2
    assert changed(before, after, at) > changed(before, after, RIGHT)

    qtbot.keyClick(window.preview, Qt.Key.Key_Escape)
    wait_for(qtbot, window, lambda shown: len(shown.faces) == 2 and min(changes(shown)) > 0.5)
    window.actions_by_name["next_face"].trigger()
    wait_for(qtbot, window, lambda shown: shown.alone and changes(shown)[1] == 0)
    window.open_source(camera_with_two.url)
    wait_for(qtbot, window, lambda shown: not shown.alone and len(shown.faces) == 2)
