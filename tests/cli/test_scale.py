"""`restore --scale`: larger pictures and videos, and what is too large."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.media.pictures import enlarge as limits
from app.media.pictures.enlarge import enlarge
from tests.cli.helpers import Cli, leftovers, read
from tests.media_files import write_video

Pixels = NDArray[np.uint8]


def save(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def test_scale_1_is_what_is_written_without_it(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    assert cli("restore", source, tmp_path / "a.png").code == 0
    assert cli("restore", source, tmp_path / "b.png", "--scale", 1).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_picture_is_written_larger_in_its_own_depth(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    alpha = np.full(portrait.shape[:2], 200, np.uint8)
    kinds = {
        "deep": portrait.astype(np.uint16) * 257 + 100,
        "grey": cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY),
        "clear": np.dstack((portrait, alpha)),
    }
    for name, image in kinds.items():
        source, target = save(tmp_path / f"{name}.png", image), tmp_path / f"{name}-2.png"
        assert cli("restore", source, target, "--scale", 2, "--k", 1).code == 0
        result = read(target)
        assert result.shape == (1024, 1024, *image.shape[2:])
        assert result.dtype == image.dtype
        assert np.array_equal(result[700:], enlarge(image, 2)[700:])
        assert not np.array_equal(result[:500], enlarge(image, 2)[:500])


def test_a_picture_without_a_face_is_only_enlarged(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    source = save(tmp_path / "old.png", landscape)
    answer = cli("restore", source, tmp_path / "new.png", "--scale", 2)
    assert "no face was found, it was only enlarged" in answer.err
    assert np.array_equal(read(tmp_path / "new.png"), enlarge(landscape, 2))


def test_the_original_beside_it_is_enlarged_too(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    assert cli("restore", source, tmp_path / "new.png", "--scale", 2, "--side-by-side").code == 0
    result = read(tmp_path / "new.png")
    assert result.shape == (1024, 2048, 3)
    assert np.array_equal(result[:, :1024], enlarge(portrait, 2))


@pytest.mark.parametrize("beside", [[], ["--side-by-side"]])
def test_a_video_is_written_larger(cli: Cli, tmp_path: Path, portrait: Pixels, beside: list[str]) -> None:
    small = cv2.resize(portrait, (160, 160), interpolation=cv2.INTER_AREA)
    write_video(tmp_path / "old.mp4", [np.ascontiguousarray(small[:120])] * 6, sound=True)
    target = tmp_path / "new.mp4"
    answer = cli("restore", tmp_path / "old.mp4", target, "--scale", 4, "--json", *beside)
    assert answer.code == 0
    assert answer.document["frames"] == answer.document["files"][0]["faces"] == 6
    with av.open(str(target)) as container:
        assert container.streams.audio
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert [image.shape for image in images] == [(480, 640 * (1 + len(beside)), 3)] * 6
    expected = enlarge(np.ascontiguousarray(small[:120]), 4)
    assert np.abs(images[-1][400:, :640].astype(int) - expected[400:]).mean() < 4


def test_what_is_too_large_is_named(
    cli: Cli, tmp_path: Path, portrait: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PICTURE_PIXELS", 3_000_000)
    save(tmp_path / "old.png", portrait)
    write_video(tmp_path / "old.mp4", [portrait] * 2)
    for suffix in ("png", "mp4"):
        answer = cli("restore", tmp_path / f"old.{suffix}", tmp_path / f"new.{suffix}", "--scale", 4)
        assert answer.code == 1
        assert "would have 2048x2048 pixels, more than 3 megapixels" in answer.err
        assert "--scale" in answer.err
    assert not [name for name in leftovers(tmp_path) if name.startswith("new")]


def test_a_video_that_no_encoder_takes_is_named(cli: Cli, tmp_path: Path) -> None:
    write_video(tmp_path / "wide.mp4", [np.full((32, 6000, 3), 90, np.uint8)] * 2)
    answer = cli("restore", tmp_path / "wide.mp4", tmp_path / "new.mp4", "--scale", 4)
    assert answer.code == 1
    assert "24000x128 pixels, more than any encoder here takes" in answer.err


@pytest.mark.parametrize("words", [["--scale", "3"], ["--scale", "2", "--aligned"], ["--scale", "2", "--compare", "a"]])
def test_what_cannot_be_enlarged_is_a_wrong_option(cli: Cli, tmp_path: Path, words: list[str]) -> None:
    answer = cli("restore", tmp_path / "a.png", tmp_path / "b.png", *words)
    assert answer.code == 2
    assert "--scale" in answer.err
