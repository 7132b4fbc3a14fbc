"""The set-up: what it asks for on a bare system, and that it does nothing twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap


def test_a_bare_debian_gets_one_line_to_paste(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "loads", lambda library: library != "libxcb-cursor.so.0")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    assert bootstrap.main(["run"]) == 1
    assert "sudo apt-get install -y libxcb-cursor0\n" in capsys.readouterr().out


def test_tests_without_a_display_ask_for_a_virtual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "loads", lambda library: True)
    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.missing_system_packages(for_tests=True)["needed"] == [("xvfb", "xorg-x11-server-Xvfb")]
    assert bootstrap.missing_system_packages(for_tests=False)["needed"] == []


def test_the_second_time_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def call(words: list[str], **_: object) -> int:
        called.append(words)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        return 0

    python = tmp_path / ".venv" / "bin" / "python"
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", python)
    monkeypatch.setattr(subprocess, "call", call)
    assert bootstrap.set_up("test")
    assert [words[2] for words in called] == ["venv", "pip"]
    called.clear()
    assert bootstrap.set_up("test")
    assert bootstrap.set_up("run")
    assert called == []


def test_an_unknown_word_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["fly"]) == 2
    assert "bootstrap.py test" in capsys.readouterr().out


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What set-ups of a ready .venv call, without their first word."""
    calls: list[list[str]] = []
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(subprocess, "call", lambda words, **_: calls.append(words[1:]) or 0)
    return calls


def test_an_accelerator_is_installed_once(called: list[list[str]]) -> None:
    assert bootstrap.set_up_accelerator("openvino")
    assert [words[-1] for words in called] == ["onnxruntime-ep-openvino==1.8.1"]
    called.clear()
    for name in ("openvino", "coreml", ""):
        assert bootstrap.set_up_accelerator(name)
    assert called == []


def test_a_package_that_replaces_onnxruntime_takes_it_out_first(called: list[list[str]]) -> None:
    assert bootstrap.set_up_accelerator("cuda")
    assert [(words[4], words[-1]) for words in called] == [
        ("uninstall", "onnxruntime"),
        ("install", "onnxruntime-gpu==1.31.1"),
    ]


def test_an_unknown_accelerator_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["run", "--with", "abacus"]) == 2
    assert "openvino, cuda, directml, coreml" in capsys.readouterr().out
