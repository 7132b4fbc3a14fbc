"""Words in the current language: values, plurals, numbers, errors, and which language is chosen."""

from __future__ import annotations

import pickle

import pytest

from app.core.errors import OutputError, WorkerError
from app.core.languages import system_language
from app.core.words import Phrase, joined, number, padded, phrase, phrase_n, set_language, tr, trn


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", "There is no room for a recording in /films."),
        ("de", "In /films ist kein Platz für eine Aufnahme."),
        ("ja", "/films に録画のための空き容量がありません。"),
    ],
)
def test_an_error_is_read_in_the_current_language(code: str, words: str) -> None:
    error = OutputError("There is no room for a recording in {folder}.", folder="/films")
    set_language(code)
    assert error.what == words
    assert error.english == "There is no room for a recording in /films."


@pytest.mark.parametrize(
    ("code", "none", "one", "many"),
    [
        ("en", "0 files", "1 file", "7 files"),
        ("de", "0 Dateien", "1 Datei", "7 Dateien"),
        ("fr", "0 fichier", "1 fichier", "7 fichiers"),  # in French nothing is a single thing
        ("es", "0 archivos", "1 archivo", "7 archivos"),
        ("pt_BR", "0 arquivo", "1 arquivo", "7 arquivos"),
        ("zh_CN", "0 个文件", "1 个文件", "7 个文件"),
        ("ja", "0 ファイル", "1 ファイル", "7 ファイル"),
    ],
)
def test_plural_forms_are_those_of_the_language(code: str, none: str, one: str, many: str) -> None:
    set_language(code)
    assert [trn("{n} file", "{n} files", n) for n in (0, 1, 7)] == [none, one, many]


@pytest.mark.parametrize(
    ("code", "decimal", "grouped"),
    [
        ("en", "2.5", "12,345.0"),
        ("de", "2,5", "12.345,0"),
        ("fr", "2,5", "12\u202f345,0"),
        ("zh_CN", "2.5", "12,345.0"),
    ],
)
def test_numbers_are_written_as_in_the_language(code: str, decimal: str, grouped: str) -> None:
    set_language(code)
    assert number(2.5) == decimal
    assert number(12345.0, ",.1f") == grouped
    assert tr("{value:.1f} fps", value=2.5).startswith(decimal)


def test_a_phrase_follows_the_language_with_the_phrases_in_it() -> None:
    reason = phrase_n("{n} frame", "{n} frames", 2)
    words = joined((phrase("Paused"), reason), ": ")
    assert str(words) == "Paused: 2 frames"
    set_language("de")
    assert str(words) == "Pausiert: 2 Bilder"
    assert words.english == "Paused: 2 frames"


def test_words_come_whole_through_a_process_and_a_journal() -> None:
    inner = OutputError("{path} is there already.", path="a.png")
    error = pickle.loads(pickle.dumps(WorkerError("The output failed: {error}.", details="trace", error=inner)))
    assert (str(error), error.details) == ("The output failed: a.png is there already..", "trace")
    note = phrase("{track} ({codec})", track=phrase("subtitles"), codec="ass")
    set_language("de")
    assert str(Phrase.from_record(note.record())) == "Untertitel (ass)"
    assert str(Phrase.from_record("an old journal's note")) == "an old journal's note"


def test_braces_in_values_stay_as_they_are() -> None:
    assert str(OutputError("{path} is there already.", path="{0}.png")) == "{0}.png is there already."


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["de_AT.UTF-8"], "de"),
        (["pt-PT", "en-GB"], "pt_BR"),
        (["xx", "fr_CA@euro"], "fr"),
        (["zh-Hans-CN"], "zh_CN"),
        (["zh-Hant-TW"], "en"),
        (["ko_KR"], "en"),
        (["C"], "en"),
        ([], "en"),
    ],
)
def test_the_closest_language_of_the_system_is_chosen(names: list[str], code: str) -> None:
    assert system_language(names) == code


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "es_MX.UTF-8", "LC_ALL": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "fr:de"}, "fr"),
        ({"LC_ALL": "C.UTF-8", "LANGUAGE": "fr"}, "en"),
        ({}, "en"),
    ],
)
def test_the_environment_names_the_language(
    environment: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", "linux")
    assert system_language() == code


def test_an_unknown_language_falls_back_to_english() -> None:
    set_language("xx")
    assert tr("Close") == "Close"


def test_signs_that_take_two_columns_are_counted_as_two() -> None:
    assert padded("正常", 6) == "正常  "
    assert padded("ok", 6, right=True) == "    ok"
