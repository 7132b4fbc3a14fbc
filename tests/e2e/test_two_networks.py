"""The left half shows another network: a second one of the manifest, and what it costs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from app.restorers.store import MODELS_FOLDER, ModelStore
from app.ui.window import MainWindow
from tests.e2e.steps import wait_for_restored_face
from tests.mjpeg_server import MjpegServer

OpenWindow = Callable[..., MainWindow]


Entries = list[dict[str, Any]]


def use_models(folder: Path, monkeypatch: pytest.MonkeyPatch, choose: Callable[[Entries], Entries]) -> None:
    """Let the application find, in `folder`, those of the shipped models that `choose` returns of their entries."""
    folder.mkdir()
    for path in MODELS_FOLDER.glob("*.onnx"):
        shutil.copy(path, folder)
    manifest = json.loads((MODELS_FOLDER / "manifest.json").read_text(encoding="utf-8"))
    manifest["models"] = choose(manifest["models"])
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr("app.restorers.store.ModelStore", lambda: ModelStore(folder))


@pytest.fixture
def one_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped detectors and the network that is used first."""
    shipped = ModelStore()
    others = set(shipped.restorer_names()) - {shipped.restorer().name}
    use_models(tmp_path / "models", monkeypatch, lambda models: [each for each in models if each["name"] not in others])


@pytest.fixture
def two_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped models, and the shipped network in FP32 under another name."""
    wanted = (ModelStore().restorer().name, "fp32")

    def choose(models: Entries) -> Entries:
        reference = next(each for each in models if (each["name"], each["precision"]) == wanted)
        return [*models, {**reference, "name": "reference"}]

    use_models(tmp_path / "models", monkeypatch, choose)


def test_with_one_network_there_is_nothing_to_compare(
    one_network: None, qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    window.panel.open_advanced()
    assert not window.panel.findChild(QComboBox, "compare_with").isVisible()  # type: ignore[union-attr]


def test_the_left_half_shows_the_other_network_and_its_cost_is_told(
    two_networks: None, qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, keep_picture: Callable[..., None]
) -> None:
    window = open_window(camera.url, k=2, show_faces=False)
    wait_for_restored_face(qtbot, window, k=2)
    window.panel.open_advanced()
    choice = window.panel.findChild(QComboBox, "compare_with")
    assert choice is not None
    assert choice.isVisible()
    assert "twice" in choice.toolTip()
    choice.setCurrentIndex(choice.findData("reference"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.compared is not None, timeout=30000
    )
    wait_for_restored_face(qtbot, window, k=2)
    shown, scene = window.preview.restored, window.preview.scene()
    assert shown is not None
    assert shown.compared is not None
    assert scene is not None
    assert scene.pictures.other is not None
    assert (shown.compared.restorer, shown.compared.other) == ("cfrnet-rt", "reference")
    assert not np.array_equal(shown.compared.image, shown.frame.image)
    assert not np.array_equal(shown.compared.image, shown.image)
    drawn = np.abs(scene.pictures.other.image.astype(int) - shown.compared.image)
    assert drawn.max() == 0, "a stream is not mirrored"
    assert shown.timings.other_ms > 0
    qtbot.waitUntil(lambda: any("twice" in str(badge.words) for badge in window.preview.badges), timeout=5000)
    window.actions_by_name["show_overlay"].trigger()
    qtbot.waitUntil(
        lambda: (
            window.live_state.overlay is not None
            and "other" in [segment.name for segment in window.live_state.overlay.segments]
        ),
        timeout=10000,
    )
    keep_picture(window, "two-networks")
    window.change(compare_with="")
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.compared is None, timeout=30000
    )


def test_the_shipped_networks_stand_side_by_side(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, keep_picture: Callable[..., None]
) -> None:
    window = open_window(camera.url, k=2, compare_with="hifacegan-lite")
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.compared is not None, timeout=30000
    )
    wait_for_restored_face(qtbot, window, k=2)
    shown = window.preview.restored
    assert shown is not None
    assert shown.compared is not None
    assert (shown.compared.restorer, shown.compared.other) == ("cfrnet-rt", "hifacegan-lite")
    x1, y1, x2, y2 = (max(int(value), 0) for value in shown.faces[0].face.box)
    face = np.s_[y1:y2, x1:x2]
    changes = [
        np.abs(each[face].astype(int) - shown.frame.image[face]).mean() for each in (shown.compared.image, shown.image)
    ]
    assert min(changes) > 1, "both restore"
    assert max(changes) < 25, "and neither makes another person"
    keep_picture(window, "hifacegan-lite")
