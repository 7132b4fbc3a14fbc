"""The list of test sets is data: another list measures other folders, and an unusable one is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.data import FaceFolderError
from training.evaluation.conditions import CONDITIONS
from training.evaluation.test_sets import DEFAULT_SETS, FiguresInPlaceError, find_evaluation_data, read_figures

OTHER = """
[faces.protocol]
folder = "people"
[photos]
folder = "old"
kinds = ["torn"]
[videos]
real = "films"
sharp = "studio"
[validation]
folder = "learnt"
"""


def test_the_shipped_list_has_a_set_for_every_condition(tmp_path: Path) -> None:
    places = find_evaluation_data(tmp_path)
    assert next(iter(places.faces)) == "protocol"
    assert {condition.role for condition in CONDITIONS} <= set(places.faces)
    assert places.faces["second"].note


def test_another_list_names_other_folders(tmp_path: Path) -> None:
    listing = tmp_path / "mine.toml"
    listing.write_text(OTHER, encoding="utf-8")
    places = find_evaluation_data(tmp_path, listing)
    assert places.faces["protocol"].folder == tmp_path / "people"
    assert places.faces["protocol"].name == "people"
    assert places.photos == {"torn": tmp_path / "old" / "torn"}
    assert (places.videos, places.sharp_videos) == (tmp_path / "films", tmp_path / "studio")
    assert places.validation == tmp_path / "learnt"


@pytest.mark.parametrize("text", ["faces = 3", OTHER.replace('folder = "people"', ""), "no toml at all", "\0"])
def test_an_unusable_list_is_named(tmp_path: Path, text: str) -> None:
    listing = tmp_path / "broken.toml"
    listing.write_text(text, encoding="utf-8")
    with pytest.raises(FaceFolderError, match=r"broken\.toml"):
        find_evaluation_data(tmp_path, listing)


def test_no_code_names_a_folder_of_the_list() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in DEFAULT_SETS.parent.rglob("*.py"))
    names = {place.name for place in find_evaluation_data(Path("data")).faces.values()}
    assert not [name for name in names if name in code]


def test_figures_of_all_faces_are_not_replaced_by_a_quick_look(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert read_figures(path, limit=3) == {}
    path.write_text("[")
    assert read_figures(path, limit=None) == {}
    path.write_text(json.dumps({"network": "mine", "limit": None}))
    assert read_figures(path, limit=None)["network"] == "mine"
    with pytest.raises(FiguresInPlaceError, match="all faces; name another folder"):
        read_figures(path, limit=3)
    with pytest.raises(FiguresInPlaceError, match="the figures of mine"):
        read_figures(path, limit=None, network="yours")
    path.write_text(json.dumps({"network": "mine", "limit": 3}))
    assert read_figures(path, limit=3, network="mine")["limit"] == 3
    assert read_figures(path, limit=None, network="mine") == {}


def test_figures_of_other_sets_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    usual, mine = find_evaluation_data(tmp_path).names, {"protocol": "mine"}
    path.write_text(json.dumps({"limit": None}), encoding="utf-8")
    assert read_figures(path, limit=None, sets=usual) == {"limit": None}, "it is of before the sets were named"
    with pytest.raises(FiguresInPlaceError, match="other test sets"):
        read_figures(path, limit=None, sets=mine)
    path.write_text(json.dumps({"limit": None, "sets": mine}), encoding="utf-8")
    assert read_figures(path, limit=None, sets=mine)["sets"] == mine
    with pytest.raises(FiguresInPlaceError, match="other test sets"):
        read_figures(path, limit=None, sets=usual)
