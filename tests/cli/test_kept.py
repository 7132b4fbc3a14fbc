"""What `restore` keeps of a picture whatever is made of it: profile, depth and transparency."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from tests.cli.helpers import Cli, read

Pixels = NDArray[np.uint8]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    "words",
    [("--scale", 2), ("--side-by-side",), ("--aligned",), ("--compare", "cfrnet-rt"), ("--side-by-side", "--scale", 2)],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_colour_profile_is_kept(
    cli: Cli, tmp_path: Path, portrait: Pixels, words: tuple[object, ...], suffix: str
) -> None:
    target = tmp_path / ("new.png" if "--aligned" in words else f"new{suffix}")
    face = PillowImage.fromarray(np.ascontiguousarray(portrait[:256, 96:352, ::-1]))
    face.save(tmp_path / f"old{suffix}", icc_profile=PROFILE, dpi=(300, 300))
    answer = cli("restore", tmp_path / f"old{suffix}", target, "--k", 1, *words)
    assert answer.code == 0, answer.err
    with PillowImage.open(target) as after:
        assert after.info["icc_profile"] == PROFILE


def test_side_by_side_keeps_depth_and_transparency(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    deep = portrait[:256, 96:352].astype(np.uint16) * 257 + 3
    alpha = np.tile(np.arange(256, dtype=np.uint16) * 257, (256, 1))
    assert cv2.imwrite(str(tmp_path / "old.png"), np.dstack((deep, alpha)))
    assert cli("restore", tmp_path / "old.png", tmp_path / "new.png", "--side-by-side", "--k", 1).code == 0
    after = read(tmp_path / "new.png")
    assert after.dtype == np.uint16
    assert np.array_equal(after[:, :256], np.dstack((deep, alpha)))
    assert np.array_equal(after[:, 256:, 3], alpha)
    assert not np.array_equal(after[:, 256:, :3], deep)


@pytest.mark.parametrize("size", [(30000, 1), (1, 30000)])
def test_a_picture_of_one_row_or_column(cli: Cli, tmp_path: Path, size: tuple[int, int]) -> None:
    assert cv2.imwrite(str(tmp_path / "old.png"), np.zeros((size[1], size[0], 3), np.uint8))
    answer = cli("restore", tmp_path / "old.png", tmp_path / "new.png")
    assert answer.code == 0, answer.err
    assert "no face was found" in answer.err
    assert (tmp_path / "new.png").read_bytes() == (tmp_path / "old.png").read_bytes()
