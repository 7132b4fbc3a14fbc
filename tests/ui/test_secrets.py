"""The login of a camera is never in the settings file; a keyring keeps it where there is one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from app.core.settings import Settings
from app.ui.secrets import SecretStore
from app.ui.settings_store import SettingsStore

SOURCE = "rtsp://me:hush@192.0.2.7/live?channel=1&pwd=quiet"


class Keyring:
    """Stands in for the system's, which a test must not write to."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service_name: str, username: str) -> str | None:
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.kept[service_name, username] = password


class BrokenKeyring(Keyring):
    def get_password(self, service_name: str, username: str) -> str | None:
        raise RuntimeError("locked")

    def set_password(self, service_name: str, username: str, password: str) -> None:
        raise RuntimeError("locked")


def store(folder: Path, keyring: Keyring | None) -> SettingsStore:
    backend = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    return SettingsStore(backend, secrets=SecretStore(keyring))


@pytest.mark.parametrize("keyring", [Keyring(), BrokenKeyring()])
def test_the_file_holds_no_secret_and_is_private(tmp_path: Path, keyring: Keyring) -> None:
    first = store(tmp_path, keyring)
    first.save(Settings(source=SOURCE))
    first.save_recent([SOURCE, "/films/a.mp4"])
    first.flush()
    text = (tmp_path / "settings.ini").read_text()
    assert "192.0.2.7" in text
    assert "hush" not in text
    assert "quiet" not in text
    if sys.platform != "win32":
        assert (tmp_path / "settings.ini").stat().st_mode & 0o777 == 0o600
    assert store(tmp_path, keyring).recent() == (store(tmp_path, keyring).load().source, "/films/a.mp4")
    remembered = store(tmp_path, keyring).load().source
    assert remembered == ("rtsp://192.0.2.7/live?channel=1&pwd=…" if isinstance(keyring, BrokenKeyring) else SOURCE)


def test_the_keyring_is_asked_once_for_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    keyring = Keyring()
    get, keep = keyring.get_password, keyring.set_password
    monkeypatch.setattr(keyring, "get_password", lambda *about: (asked.append("get"), get(*about))[1])
    monkeypatch.setattr(keyring, "set_password", lambda *about: (asked.append("set"), keep(*about))[1])
    first = store(tmp_path, keyring)
    for number in range(3):
        first.save(Settings(source=SOURCE, strength=number))
        first.save_recent([SOURCE])
        assert first.recent() == (SOURCE,)
    assert asked == ["set"]
    again = store(tmp_path, keyring)
    assert (again.load().source, again.recent(), again.recent()) == (SOURCE, (SOURCE,), (SOURCE,))
    assert asked == ["set", "get"]
    first.save(Settings(source=SOURCE.replace("hush", "new")))
    assert asked == ["set", "get", "set"]


def test_a_keyring_that_refuses_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may ask the person each time, and every change of a setting is saved."""
    asked: list[str] = []

    def refuse(*about: str) -> None:
        asked.append(about[1])
        raise RuntimeError("locked")

    keyring = Keyring()
    monkeypatch.setattr(keyring, "get_password", refuse)
    monkeypatch.setattr(keyring, "set_password", refuse)
    first = store(tmp_path, keyring)
    for number in range(3):
        first.save(Settings(source=SOURCE, strength=number))
        first.save_recent([SOURCE])
        first.recent()
    assert len(asked) == 2, "once to keep it, once to find it"


def test_a_keyring_that_stayed_locked_once_keeps_the_login(tmp_path: Path) -> None:
    keyring = Keyring()
    store(tmp_path, keyring).save(Settings(source=SOURCE))
    locked = BrokenKeyring()
    locked.kept = keyring.kept
    settings = store(tmp_path, locked).load()
    assert settings.source == "rtsp://192.0.2.7/live?channel=1&pwd=…"
    unlocked = store(tmp_path, keyring)
    unlocked.save(settings)
    unlocked.save_recent([settings.source, SOURCE.replace("quiet", "…")])
    assert store(tmp_path, keyring).load().source == SOURCE


@pytest.mark.parametrize("source", ["camera:Desk", "/films/a.mp4", "", "http://192.0.2.7:8080/video"])
def test_other_sources_stay_as_they_are(source: str) -> None:
    keyring = Keyring()
    secrets = SecretStore(keyring)
    assert secrets.complete(secrets.without(source)) == source
    assert keyring.kept == {}


def test_the_installed_keyring_is_used_and_without_it_the_login_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring())
    first = store(tmp_path, None)
    first.save(Settings(source=SOURCE))
    first.flush()
    assert store(tmp_path, None).load().source == SOURCE
    monkeypatch.setitem(sys.modules, "keyring", None)  # as if it were not installed
    assert store(tmp_path, None).load().source == "rtsp://192.0.2.7/live?channel=1&pwd=…"
    first.save(Settings(source=SOURCE))
    first.flush()
    assert "hush" not in (tmp_path / "settings.ini").read_text()
