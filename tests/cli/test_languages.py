"""The command line in the language of the person: help, errors, wrong options, and English where nothing else fits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.parser import asked_language, parse

ROOT = Path(__file__).resolve().parents[2]


def said(*words: str, locale: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1", "COLUMNS": "100"}
    command = [sys.executable, "main.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=100)


def test_the_help_is_in_the_language_of_the_system() -> None:
    answer = said("--help", locale="de_DE.UTF-8")
    assert answer.returncode == 0
    for words in (
        "Aufruf:",
        "Positionsargumente",
        "diese Hilfe anzeigen",
        "die Kameras mit Namen auflisten",
        "Beispiele:",
    ):
        assert words in answer.stdout
    assert "usage" not in answer.stdout
    assert "options" not in answer.stdout


def test_an_error_is_in_french(tmp_path: Path) -> None:
    answer = said("restore", str(tmp_path / "rien.jpg"), str(tmp_path / "mieux.png"), locale="fr_FR.UTF-8")
    assert answer.returncode == 1
    assert "erreur" in answer.stderr
    assert f"Il n’y a ni fichier ni dossier nommé {tmp_path / 'rien.jpg'}." in answer.stderr
    assert "conseil" in answer.stderr


def test_the_option_wins_over_the_system_and_wrong_values_are_told_in_it() -> None:
    answer = said("restore", "a.jpg", "b.png", "--k", "9", "--language", "es", locale="ja_JP.UTF-8")
    assert answer.returncode == 2
    assert "argumento --k: k no puede ser 9; necesita un número entero de 1 a 4" in answer.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["restore", "a", "b", "--language", "pt_BR"], "pt_BR"),
        (["--language=zh_CN", "--help"], "zh_CN"),
        (["--language", "xx"], "en"),
        (["--language"], "en"),
        ([], "en"),
    ],
)
def test_the_language_is_known_before_anything_else_is(words: list[str], code: str) -> None:
    assert asked_language(words) == code


@pytest.mark.parametrize("option", [["--language", "en"], ["--language=en"]])
def test_the_language_may_stand_before_the_command(option: list[str]) -> None:
    options = parse([*option, "models"])
    assert (options.command, options.language) == ("models", "en")


def test_an_unknown_language_of_the_system_is_english() -> None:
    assert "usage:" in said("cameras", "--help", locale="xx_YY.UTF-8").stdout
