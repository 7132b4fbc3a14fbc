"""The settings table: its checks, and what is made from it."""

from __future__ import annotations

import pytest

from app.cli.parser import given_settings, parse
from app.core.errors import SettingError
from app.core.setting import GROUPS
from app.core.settings import TABLE, Settings, specification


def test_a_whole_number_becomes_a_float_where_a_float_belongs() -> None:
    assert type(Settings(split=1).split) is float
    assert type(Settings().replace(stop_threshold=0).stop_threshold) is float


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", 0),
        ("k", 5),
        ("k", 2.0),
        ("k", True),
        ("split", 1.5),
        ("split", "left"),
        ("auto_k", 1),
        ("precision", "int4"),
        ("source", 0),
        ("strength", 101),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_possible(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"{name} cannot be .*; it needs "):
        Settings().replace(**{name: value})


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SettingError, match="no setting called kk"):
        Settings().replace(kk=1)
    with pytest.raises(SettingError, match="no setting called kk"):
        specification("kk")


def test_stored_text_is_read_and_what_is_wrong_is_named() -> None:
    stored = {"k": "2", "split": "0.25", "mirror": "false", "precision": "fp32", "strength": "much", "gone": "1"}
    settings, problems = Settings.load(stored)
    assert settings == Settings(k=2, split=0.25, mirror=False, precision="fp32")
    assert len(problems) == 2
    assert "strength" in problems[0]
    assert "gone" in problems[1]


def test_every_row_is_whole() -> None:
    for row in TABLE.values():
        assert row.label, row.name
        assert not str(row.help).endswith("."), row.name
        assert (row.low is None) == (row.high is None), row.name
        assert row.group in GROUPS, row.name
        assert row.check(row.default) == row.default


def test_every_setting_is_an_option_of_the_window_and_comes_back_as_itself() -> None:
    for row in TABLE.values():
        value = row.high if row.high is not None else next(reversed(row.choices), "x")
        words = [row.option] if row.type is bool else [row.option, f"{value:g}" if row.high is not None else str(value)]
        given = given_settings(parse(["window", *words]))
        assert given == {row.name: True if row.type is bool else row.type(value)}


def test_what_a_change_affects_is_read_from_the_table() -> None:
    before, after = Settings(), Settings(precision="fp32", show_plot=True)
    assert before.affecting("picture") == after.affecting("picture")
    assert before.affecting("engine") != after.affecting("engine")
    assert set(before.affecting("source")) == {"camera_size", "camera_fps", "mirror_recording"}
