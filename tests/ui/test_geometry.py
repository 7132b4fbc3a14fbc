"""Where the pictures and the divider fall."""

from __future__ import annotations

import pytest

from app.ui.preview.card import card_place
from app.ui.preview.geometry import Box, arrange, fit, on_screen

AREA = Box(12, 12, 1000, 600)


def test_a_picture_fills_the_area_in_its_own_shape() -> None:
    box = fit(1280, 720, AREA)
    assert (box.width, box.height) == (1000, 562)
    assert box.x == 12
    assert abs((box.y - 12) - (AREA.bottom - box.bottom)) <= 1


def test_a_tiny_picture_is_enlarged_four_times_at_most() -> None:
    assert fit(64, 64, AREA).width == 256


@pytest.mark.parametrize("split", [0.0, 0.25, 0.5, 1.0])
def test_the_original_is_left_of_the_divider_and_nothing_is_missing(split: float) -> None:
    layout = arrange("split", width=1280, height=720, area=AREA, split=split)
    left, right = layout.tiles
    assert (left.content, right.content) == ("original", "restored")
    assert left.clip.right == right.clip.x == layout.divider
    assert left.clip.width + right.clip.width == left.target.width
    assert left.target == right.target


def test_dragging_puts_the_divider_under_the_pointer() -> None:
    layout = arrange("split", width=1280, height=720, area=AREA, split=0.5)
    split = layout.split_at(300)
    assert arrange("split", width=1280, height=720, area=AREA, split=split).divider == 300
    assert layout.split_at(-50) == 0.0
    assert layout.split_at(5000) == 1.0


def test_only_the_divider_takes_hold() -> None:
    layout = arrange("split", width=1280, height=720, area=AREA, split=0.5)
    assert layout.divider is not None
    assert layout.is_on_divider(layout.divider + 10, 300)
    assert not layout.is_on_divider(layout.divider + 40, 300)
    assert not layout.is_on_divider(layout.divider, 5)
    assert not arrange("restored", width=1280, height=720, area=AREA, split=0.5).is_on_divider(512, 300)


def test_side_by_side_takes_the_arrangement_with_the_larger_pictures() -> None:
    wide = arrange("side-by-side", width=640, height=480, area=Box(0, 0, 1000, 400), split=0.5).tiles
    tall = arrange("side-by-side", width=1280, height=720, area=Box(0, 0, 500, 900), split=0.5).tiles
    assert wide[0].target.y == wide[1].target.y
    assert wide[1].target.x - wide[0].target.right == pytest.approx(12, abs=1)
    assert tall[0].target.x == tall[1].target.x
    assert tall[1].target.y - tall[0].target.bottom == pytest.approx(12, abs=1)


@pytest.mark.parametrize("view", ["restored", "original"])
def test_a_single_view_shows_one_picture_whole(view: str) -> None:
    (tile,) = arrange(view, width=1280, height=720, area=AREA, split=0.3).tiles
    assert tile.content == view
    assert tile.clip == tile.target


def test_the_card_keeps_clear_of_faces() -> None:
    area = Box(0, 0, 700, 500)
    assert card_place(200, 120, area=area, faces=()) == Box(500, 0, 200, 120)
    assert card_place(200, 120, area=area, faces=[Box(450, 50, 200, 200)]) == Box(0, 380, 200, 120)
    assert card_place(200, 120, area=area, faces=(), wanted=(300, 900)) == Box(300, 380, 200, 120)
    on_a_face = card_place(200, 120, area=area, faces=[Box(250, 350, 200, 100)], wanted=(300, 380))
    assert on_a_face == Box(500, 0, 200, 120)
    assert card_place(200, 120, area=area, faces=[Box(50, 50, 600, 400)]) is None, "no card at all, then"


def test_a_face_lands_on_its_place_in_the_picture() -> None:
    target = Box(100, 50, 640, 360)
    box = on_screen((320.0, 180.0, 640.0, 360.0), width=1280, height=720, target=target)
    assert box == Box(260, 140, 160, 90)
