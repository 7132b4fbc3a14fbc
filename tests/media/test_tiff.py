"""TIFFs whose planes, white or alpha OpenCV takes for something else: pixels as their tags describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import ImageCms

from app.core.errors import UnreadableMediaError
from app.media.pictures.orientation import upright
from app.media.pictures.picture import read_picture, write_picture
from app.media.pictures.picture_facts import PROFILE

WHITE = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}


def rgba(kind: type) -> NDArray[Any]:
    """(6, 8, 4) RGBA of random colours, not transparent in the first row and in the last not to be seen."""
    levels = np.random.default_rng(5).integers(0, 256, (6, 8, 4))
    levels[:, :, 3] = np.array([255, 200, 128, 64, 16, 0])[:, None]
    return (levels * (WHITE[kind] / 255)).astype(kind)


def multiplied(pixels: NDArray[Any]) -> NDArray[Any]:
    """`pixels` as a TIFF with associated alpha holds them."""
    white = WHITE[pixels.dtype.type]
    colours = pixels[:, :, :3] * (pixels[:, :, 3:] / white)
    return np.concatenate((colours.round() if white > 1 else colours, pixels[:, :, 3:]), axis=2).astype(pixels.dtype)


def bgr(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    if options.get("planarconfig") == "separate":
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    tifffile.imwrite(path, pixels, **({"photometric": "rgb", "metadata": None} | options))
    return path


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", WHITE)
def test_colours_beside_alpha_are_as_they_are_stored(tmp_path: Path, kind: type, planes: str) -> None:
    source = write(tmp_path / "in.tif", rgba(kind), planarconfig=planes, extrasamples=["unassalpha"])
    picture = read_picture(source)
    assert np.array_equal(picture.original, bgr(rgba(kind)))
    restored = picture.bgr.copy()
    restored[2:4] //= 2
    write_picture(tmp_path / "out.tif", picture, restored)
    back = read_picture(tmp_path / "out.tif").original
    assert np.array_equal(back[:2], picture.original[:2])
    assert np.array_equal(back[:, :, 3], picture.original[:, :, 3])


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("kind", WHITE)
def test_grey_beside_alpha_keeps_alpha_and_depth(tmp_path: Path, kind: type, alpha: str, planes: str) -> None:
    wanted = rgba(kind)[:, :, [0, 0, 0, 3]]
    stored = (multiplied(wanted) if alpha == "assocalpha" else wanted)[:, :, 2:]
    source = write(tmp_path / "in.tif", stored, photometric="minisblack", planarconfig=planes, extrasamples=[alpha])
    read = read_picture(source).original
    assert read.dtype == kind
    assert np.array_equal(read[:, :, 3], wanted[:, :, 3])
    assert np.array_equal(read[0], wanted[0])
    if alpha == "unassalpha":
        assert np.array_equal(read, wanted)
    else:  # rounded where they were multiplied
        assert np.abs(read[:4, :, :3] - wanted[:4, :, :3].astype(float)).max() <= 3


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", WHITE)
def test_colours_that_were_multiplied_by_their_alpha_are_divided(tmp_path: Path, kind: type, planes: str) -> None:
    source = write(tmp_path / "in.tif", multiplied(rgba(kind)), planarconfig=planes, extrasamples=["assocalpha"])
    found, wanted = read_picture(source).original, bgr(rgba(kind))
    assert found.dtype == wanted.dtype
    assert np.array_equal(found[0], wanted[0])
    assert np.array_equal(found[:, :, 3], wanted[:, :, 3])
    assert not found[-1].any()
    step = WHITE[kind] / np.maximum(wanted[:-1, :, 3:], 1) if kind != np.float32 else 1e-6  # of a stored level
    assert (np.abs(found[:-1, :, :3] - wanted[:-1, :, :3].astype(float)) <= step).all()


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"byteorder": ">"}])
def test_deep_colours_in_planes_are_put_together(tmp_path: Path, kind: type, options: dict[str, Any]) -> None:
    if kind == np.float32 and "predictor" in options:
        options = {"compression": "zlib"}
    pixels = rgba(kind)[:, :, :3]
    source = write(tmp_path / "in.tif", pixels, planarconfig="separate", **options)
    assert np.array_equal(read_picture(source).original, bgr(pixels))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_opencv_does_not_read_stands_upright_too(tmp_path: Path, kind: type, orientation: int) -> None:
    options = {"planarconfig": "separate", "extrasamples": ["unassalpha"]}
    turned = [(0x0112, "H", 1, orientation, True)]
    source = write(tmp_path / "in.tif", rgba(kind), extratags=turned, **options)
    assert np.array_equal(read_picture(source).original, upright(bgr(rgba(kind)), orientation))


@pytest.mark.parametrize("kind", WHITE)
def test_white_may_be_zero(tmp_path: Path, kind: type) -> None:
    grey = rgba(kind)[:, :, 0]
    source = write(tmp_path / "in.tif", (WHITE[kind] - grey).astype(kind), photometric="miniswhite")
    np.testing.assert_allclose(read_picture(source).original, grey, atol=1e-6)


@pytest.mark.parametrize(("kind", "channels"), [(np.float32, 3), (np.float32, 4), (np.uint16, 2)])
def test_what_pillow_does_not_open_keeps_its_profile_and_is_a_single_page(
    tmp_path: Path, kind: type, channels: int
) -> None:
    pixels = rgba(kind)[:, :, :channels]
    options: dict[str, Any] = {"extrasamples": ["unassalpha"]} if channels % 2 == 0 else {}
    options["photometric"] = "rgb" if channels > 2 else "minisblack"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = write(tmp_path / "in.tif", pixels, iccprofile=profile, resolution=(300, 300), resolutionunit=2, **options)
    picture = read_picture(source)
    assert picture.metadata[PROFILE] == profile
    assert picture.facts.dpi == (300.0, 300.0)
    write(tmp_path / "two.tif", np.stack([pixels, pixels]), **options)
    with pytest.raises(UnreadableMediaError, match="holds 2 pictures"):
        read_picture(tmp_path / "two.tif")


def test_colours_above_white_leave_alpha_what_it_is(tmp_path: Path) -> None:
    pixels = rgba(np.float32)
    pixels[:, :, 3], pixels[0, 0, 0] = 1.0, 5.0
    source = write(tmp_path / "in.tif", pixels, extrasamples=["unassalpha"])
    picture = read_picture(source)
    assert "transparency" not in " ".join(map(str, write_picture(tmp_path / "out.jpg", picture, picture.bgr)))


def test_planes_that_cannot_be_decoded_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "in.tif", rgba(np.uint16)[:, :, :3], planarconfig="separate", compression="zlib")
    data = bytearray(source.read_bytes())
    with tifffile.TiffFile(source) as file:
        place = file.pages.first.dataoffsets[1]
    data[place : place + 8] = bytes(8)
    source.write_bytes(data)
    with pytest.raises(UnreadableMediaError, match=r"in\.tif"):
        read_picture(source)


@pytest.mark.parametrize("colours", [0, 3])
def test_numbers_that_are_no_colours_stay_where_nothing_was_restored(tmp_path: Path, colours: int) -> None:
    pixels = (rgba(np.float32)[:, :, :3] if colours else rgba(np.float32)[:, :, 0]) * np.float32(0.5) + np.float32(0.2)
    pixels[0, :4], pixels[4, 5:], pixels[5, 6] = -0.2, np.nan, 4.0
    source = write(tmp_path / "in.tif", pixels, photometric="rgb" if colours else "minisblack")
    picture = read_picture(source)
    restored = picture.bgr.copy()
    restored[2:4] //= 2
    write_picture(tmp_path / "out.tif", picture, restored)
    back = read_picture(tmp_path / "out.tif").original
    for rows in (slice(0, 2), slice(4, 6)):
        assert np.array_equal(back[rows], picture.original[rows], equal_nan=True)
    assert (
        np.abs(back[2:4] - restored[2:4].reshape(2, 8, 3)[:, :, : colours or 1].reshape(back[2:4].shape) / 255).max()
        < 0.01
    )


def test_a_number_that_is_none_does_not_hide_how_bright_white_is(tmp_path: Path) -> None:
    pixels = np.full((6, 8, 3), 2.0, np.float32)
    pixels[0, 0], pixels[3] = np.nan, 0.5
    picture = read_picture(write(tmp_path / "in.tif", pixels))
    restored = picture.bgr.copy()
    restored[2] -= 1
    write_picture(tmp_path / "out.tif", picture, restored)
    assert np.allclose(read_picture(tmp_path / "out.tif").original[2], 2 - 1 / 255)
