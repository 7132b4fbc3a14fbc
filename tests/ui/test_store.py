"""Settings come back as they were; what no longer fits is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from app.core.settings import Settings
from app.ui.settings_store import DEFAULTS, SettingsStore


def backend(folder: Path) -> QSettings:
    return QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)


def test_every_type_survives_the_file(tmp_path: Path) -> None:
    wanted = Settings(k=2, auto_k=True, stop_threshold=0.01, source="camera:Zoë's Kamera", mirror=False, split=0.25)
    store = SettingsStore(backend(tmp_path))
    store.save(wanted)
    store.save_geometry(QByteArray(b"place"))
    store.flush()
    again = SettingsStore(backend(tmp_path))
    assert again.load() == wanted
    assert again.geometry() == QByteArray(b"place")


def test_a_value_that_no_longer_fits_is_left_out(tmp_path: Path) -> None:
    raw = backend(tmp_path)
    raw.setValue("settings/k", 9)
    raw.setValue("settings/strength", 40)
    raw.setValue("settings/gone", "x")
    assert SettingsStore(raw).load() == DEFAULTS.replace(strength=40)


def test_overrides_count_for_one_run(tmp_path: Path) -> None:
    SettingsStore(backend(tmp_path)).save(Settings(k=1, strength=40))
    store = SettingsStore(backend(tmp_path), overrides={"k": 4, "strength": 80})
    settings = store.load()
    assert (settings.k, settings.strength) == (4, 80)
    store.save(settings.replace(strength=60))
    assert SettingsStore(backend(tmp_path)).load() == Settings(k=1, strength=60)


@pytest.mark.parametrize(
    ("stored", "overrides", "chosen"),
    [
        ((3, True), {"k": 2}, (3, False)),
        ((3, True), {"auto_k": False}, (1, False)),
        ((1, False), {"k": 3}, (3, True)),
    ],
)
def test_a_quality_that_is_chosen_after_an_override_is_kept_whole(
    tmp_path: Path, stored: tuple[int, bool], overrides: dict[str, object], chosen: tuple[int, bool]
) -> None:
    SettingsStore(backend(tmp_path)).save(Settings(k=stored[0], auto_k=stored[1]))
    store = SettingsStore(backend(tmp_path), overrides=overrides)
    store.save(store.load().replace(k=chosen[0], auto_k=chosen[1]))
    again = SettingsStore(backend(tmp_path)).load()
    assert (again.k, again.auto_k) == chosen


def test_messages_for_the_next_start_that_are_damaged_are_left_out(tmp_path: Path) -> None:
    raw = backend(tmp_path)
    store = SettingsStore(raw)
    for stored in ("{half", "[1]", '{"recordings": [3]}', '{"errors": ["one"]}'):
        raw.setValue("window/unseen", stored)
        assert store.take_unseen() == ((), ())
        assert not raw.contains("window/unseen")


def test_defaults_are_not_written_down(tmp_path: Path) -> None:
    raw = backend(tmp_path)
    store = SettingsStore(raw)
    store.save(DEFAULTS.replace(k=1))
    store.save(DEFAULTS.replace(strength=40))
    raw.beginGroup("settings")
    assert raw.childKeys() == ["strength"]
