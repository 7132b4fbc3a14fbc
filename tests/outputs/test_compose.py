from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import OutputError, SettingError
from app.core.types import Frame, Image, Restored
from app.media.pictures.picture import read_picture
from app.outputs.compose import DIVIDER_PX, caption, card, compose, letterbox
from app.outputs.sharing.snapshot import save_snapshot


def pair(height: int = 48, width: int = 64) -> Restored:
    rng = np.random.default_rng(3)
    before, after = (rng.integers(0, 255, (height, width, 3), np.uint8) for _ in range(2))
    return Restored(frame=Frame(image=before, index=0, t_capture=0.0, t_media=0.0), image=after, k=2)


def test_side_by_side_is_both_bit_by_bit() -> None:
    restored = pair()
    both = compose(restored, "side-by-side", 0.3)
    assert np.array_equal(both[:, :64], restored.frame.image)
    assert np.array_equal(both[:, 64:], restored.image)


@pytest.mark.parametrize(("split", "seam"), [(0.0, 0), (0.25, 16), (0.5, 32), (1.0, 64), (-1.0, 0), (2.0, 64)])
def test_split_is_before_at_the_left_and_after_at_the_right(split: float, seam: int) -> None:
    restored = pair()
    image = compose(restored, "split", split)
    line = DIVIDER_PX // 2 if 0 < seam < 64 else 0
    assert np.array_equal(image[:, : seam - line], restored.frame.image[:, : seam - line])
    assert np.array_equal(image[:, seam + line :], restored.image[:, seam + line :])
    assert (image[:, seam - line : seam + line] == 255).all()


def test_restored_only_costs_no_copy() -> None:
    restored = pair()
    assert compose(restored, "restored", 0.5) is restored.image


@pytest.mark.parametrize("view", ["side-by-side", "split"])
def test_drawing_into_a_buffer_gives_the_same_and_leaves_the_frame_alone(view: str) -> None:
    restored = pair()
    kept: list[Image] = [restored.frame.image.copy(), restored.image.copy()]
    fresh = compose(restored, view, 0.5)
    buffer = np.zeros_like(fresh)
    assert compose(restored, view, 0.5, out=buffer) is buffer
    assert np.array_equal(buffer, fresh)
    assert np.array_equal(restored.frame.image, kept[0])
    assert np.array_equal(restored.image, kept[1])


def test_one_pixel_can_be_composed() -> None:
    assert compose(pair(1, 1), "side-by-side", 0.5).shape == (1, 2, 3)
    assert compose(pair(1, 1), "split", 0.5).shape == (1, 1, 3)


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(SettingError):
        compose(pair(), "upside-down", 0.5)


@pytest.mark.parametrize(
    ("shape", "bars"),
    [
        ((480, 640), (0, 160)),
        ((720, 1280), (0, 0)),
        ((1080, 1920), (0, 0)),
        ((360, 1280), (180, 0)),
        ((1, 1), (0, 280)),
    ],
)
def test_a_picture_of_another_shape_gets_bars(shape: tuple[int, int], bars: tuple[int, int]) -> None:
    picture = letterbox(np.full((*shape, 3), 200, np.uint8), (1280, 720))
    down, across = bars
    assert picture.shape == (720, 1280, 3)
    assert (picture[down : 720 - down, across : 1280 - across] == 200).all()
    assert picture.sum() == 600 * (720 - 2 * down) * (1280 - 2 * across), "the bars are black"


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = pair().image
    assert letterbox(picture, (64, 48)) is picture


@pytest.mark.parametrize("view", ["split", "side-by-side"])
def test_each_half_has_its_name_in_the_outer_corner(view: str) -> None:
    plain = compose(pair(720, 1280), view, 0.5)
    named = caption(plain, view, 0.5)
    width = plain.shape[1]
    middle = slice(width // 2 - 2, width // 2 + 2)
    assert (named[:, width // 2] == 255).all(), "a thin line is between them"
    named[:, middle] = plain[:, middle]
    rows, columns = np.nonzero((named != plain).any(axis=2))
    assert rows.max() < 100
    assert columns.min() < 30
    assert columns.max() > width - 30
    assert not ((columns > 0.2 * width) & (columns < 0.8 * width)).any()


def test_a_half_without_room_has_no_name() -> None:
    plain = compose(pair(720, 1280), "split", 0.0)
    assert caption(plain, "restored", 0.5) is plain
    _, columns = np.nonzero((caption(plain, "split", 0.0) != plain).any(axis=2))
    assert columns.min() > 900, "only Restored is there"
    tiny = compose(pair(8, 8), "split", 0.5)
    assert np.array_equal(caption(tiny, "split", 0.5), tiny), "the line was there already"


@pytest.mark.parametrize("size", [(1280, 720), (160, 120), (720, 1280)])
def test_a_card_has_its_word_in_the_middle(size: tuple[int, int]) -> None:
    width, height = size
    picture = card("Connecting", size)
    rows, columns = np.nonzero(picture.max(axis=2) > 128)
    assert picture.shape == (height, width, 3)
    assert abs((columns.min() + columns.max()) / 2 - width / 2) < 0.05 * width
    assert abs((rows.min() + rows.max()) / 2 - height / 2) < 0.05 * height
    assert columns.min() > 0.1 * width


def test_a_snapshot_saves_both_pictures_as_they_are(tmp_path: Path) -> None:
    restored = pair()
    before, after = save_snapshot(restored, tmp_path / "new folder")
    assert np.array_equal(read_picture(before).bgr, restored.frame.image)
    assert np.array_equal(read_picture(after).bgr, restored.image)
    assert before.suffix == after.suffix == ".png"


def test_two_snapshots_at_the_same_time_do_not_replace_each_other(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678000)
    first = save_snapshot(pair(), tmp_path, now=now)
    second = save_snapshot(pair(), tmp_path, now=now)
    assert len({*first, *second}) == 4
    assert all(path.exists() for path in (*first, *second))


def test_a_snapshot_that_cannot_be_saved_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError):
        save_snapshot(pair(), tmp_path / "file")
