"""Another network in the window: its own cycles or passes, its precisions, its drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.batch.jobs.job import Job
from app.core.settings import Settings
from app.core.types import Image
from app.pipeline.measuring.offer import Offer
from app.restorers.families import family
from app.restorers.store import ShippedRestorer
from app.ui.application import open_store
from app.ui.flows.restorer import fitting
from app.ui.settings_store import SettingsStore
from app.ui.style.widgets import Choice
from app.ui.window import MainWindow
from tests.ui.scripted import ONLINE, RESTORERS, ScriptedSession, restored_frame, statistics

MakeWindow = Callable[..., MainWindow]


def precisions(window: MainWindow) -> list[str]:
    control = window.panel.findChild(Choice, "precision")
    assert control is not None
    return [control.itemData(place) for place in range(control.count())]


def test_a_fixed_point_network_shows_presets_and_cycles(make_window: MakeWindow) -> None:
    window = make_window(k=2)
    window.panel.open_advanced()
    cycles = window.panel.cycles
    assert window.panel.quality.value() == "faithful"
    assert cycles.slider.isVisible()
    assert not cycles.passes.isVisible()
    assert not cycles.note.isVisible()


def test_a_single_pass_network_shows_passes_and_drift_and_begins_with_one(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window(k=3, precision="int8")
    assert precisions(window) == ["auto", "int8", "fp32"]
    window.choose_restorer("hifacegan-lite")
    cycles = window.panel.cycles
    assert (window.settings.restorer, window.settings.k, window.settings.precision) == ("hifacegan-lite", 1, "auto")
    assert precisions(window) == ["auto", "fp16"]
    assert not window.panel.quality.isVisible()
    assert not cycles.slider.isVisible()
    assert cycles.passes.spin.text() == "Single"
    assert "drifts" in cycles.note.text()
    cycles.passes.spin.stepUp()
    assert window.settings.k == 2
    session.next_frame = restored_frame(*pictures, boxes=[(500, 200, 800, 500)])
    window._host.on_frame()
    qtbot.waitUntil(lambda: "0.030, 0.010, 0.004" in cycles.note.text(), timeout=3000)


def test_a_number_of_passes_can_be_typed_while_auto_runs(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    session.numbers = statistics(cycles=1)
    window = make_window(auto_k=True)
    window.choose_restorer("hifacegan-lite")
    window.live_state.tick()
    spin = window.panel.cycles.passes.spin
    spin.selectAll()
    qtbot.keyClicks(spin, "3")
    window.live_state.tick()
    assert spin.text() == "3"
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert (window.settings.k, window.settings.auto_k) == (3, False)


def test_a_network_that_is_applied_once_has_nothing_to_set(make_window: MakeWindow) -> None:
    window = make_window(k=3)
    window.panel.open_advanced()
    window.choose_restorer("pfsrnet")
    cycles = window.panel.cycles
    assert not cycles.slider.isVisible()
    assert not cycles.passes.isVisible()
    assert "16x16" in cycles.note.text()
    window.choose_restorer("cfrnet-rt")
    assert cycles.slider.isVisible()
    assert (window.settings.k, window.panel.quality.value()) == (3, "best")


@pytest.mark.parametrize(("restorer", "k", "applied"), [("pfsrnet", 3, 1), ("cfrnet-rt", 4, 4), ("", 4, 4)])
def test_what_is_saved_is_restored_as_it_is_shown(
    make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restorer: str, k: int, applied: int
) -> None:
    window = make_window()
    jobs: list[Job] = []
    monkeypatch.setattr(window._host, "start_job", jobs.append)
    window.choose_restorer(restorer)
    window.actions_by_name[f"k{k}"].trigger()
    window.sharing.start_saving(tmp_path / "a.png", tmp_path / "b.png")
    (job,) = jobs
    assert (job.options.settings.restorer, job.options.settings.k) == (restorer, applied)


def test_a_restorer_of_the_command_line_brings_its_number_of_cycles_for_one_run(tmp_path: Path) -> None:
    backend = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    remembered = Settings(k=2, auto_k=True)
    SettingsStore(backend).save(remembered)
    store = open_store(backend, {"restorer": "hifacegan-lite"})
    settings = store.load()
    assert (settings.restorer, settings.k, settings.auto_k) == ("hifacegan-lite", 1, True)
    store.save(settings)
    assert SettingsStore(backend).load() == remembered
    assert open_store(backend, {"restorer": "hifacegan-lite", "k": 3}).load().k == 3
    assert open_store(backend, {"restorer": ""}).load() == remembered, "it is no other one"


def test_settings_follow_what_is_shipped() -> None:
    assert fitting(Settings(), ()) == {}
    assert fitting(Settings(), RESTORERS) == {"restorer": ""}
    assert fitting(Settings(restorer="gone"), RESTORERS) == {"restorer": "cfrnet-rt"}
    alone = (ShippedRestorer(name="one", family=family("hifacegan"), k_range=(1, 4), precisions=("fp16",)),)
    assert fitting(Settings(restorer="gone", precision="int8"), alone) == {"restorer": "one", "precision": "auto"}


def online(window: MainWindow) -> None:
    window._host.on_status(ONLINE)


def test_a_better_network_that_keeps_up_is_offered_once_and_taken(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, store: SettingsStore
) -> None:
    session.offer = Offer(name="hifacegan-lite", k=3, fps=31.4, sha256="a" * 64)
    window = make_window()
    online(window)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    with qtbot.waitSignal(window._host.better_found, timeout=3000):
        window.offer.look()
    ((title, detail),) = window.notifications.texts()
    assert "hifacegan-lite" in title
    assert "31 frames a second with 3 cycles" in detail
    (button,) = [each for each in window.notifications.findChildren(QPushButton) if "Use" in each.text()]
    button.click()
    assert window.settings.restorer == "hifacegan-lite"
    assert store.was_offered("a" * 64)
    window.change(restorer="")
    with qtbot.waitSignal(window._host.better_found, timeout=3000):
        window.offer.look()
    assert window.notifications.texts() == ()


def test_nothing_is_measured_in_a_wrong_moment(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window()
    window.offer.look()  # nothing is shown yet
    online(window)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    window.change(restorer="hifacegan-lite")
    window.offer.look()  # the person has chosen
    window.change(restorer="")
    window.capture.toggle()
    qtbot.waitUntil(lambda: window.capture.recording, timeout=3000)
    window.offer.look()
    window._host._clips.submit(lambda: None).result()
    assert "better_network" not in [name for name, _ in session.calls]
