"""Picture files of every kind that people have, there and back."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from app.core.errors import OutputError, UnreadableMediaError
from app.media.pictures.picture import read_picture, write_image, write_picture
from benchmarks.faults.damage import DAMAGES
from benchmarks.faults.material import pictures


def scene(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) BGR, smooth, and different in each corner."""
    seed = np.random.default_rng(7).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def changed(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`bgr` with its middle made 40 darker, as a restored face would be."""
    restored = bgr.copy()
    middle = restored[20:40, 20:60]
    middle[...] = np.maximum(middle, 40) - 40
    return restored


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".ppm"])
def test_a_plain_picture_comes_back_pixel_by_pixel(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / "in.png", scene())
    picture = read_picture(tmp_path / "in.png")
    assert np.array_equal(picture.bgr, scene())
    write_picture(tmp_path / f"out{suffix}", picture, changed(scene()))
    assert np.array_equal(read_picture(tmp_path / f"out{suffix}").bgr, changed(scene()))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_2000_is_written_without_loss(tmp_path: Path, kind: type, channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, np.iinfo(kind).max + 1, (60, 80, channels)).astype(kind)
    noise[:, :, 3:] = np.iinfo(kind).max
    write_image(tmp_path / "in.png", noise.squeeze())
    picture = read_picture(tmp_path / "in.png")
    restored = picture.bgr.copy()
    restored[20:30] //= 2
    write_picture(tmp_path / "out.jp2", picture, restored)
    back = read_picture(tmp_path / "out.jp2").original
    assert back.dtype == kind
    expected = picture.original if back.ndim == picture.original.ndim else picture.original[:, :, :3]
    if back.ndim == 3:
        expected = expected[:, :, : back.shape[2]]
    assert np.array_equal(back[:20], expected[:20])
    assert np.array_equal(back[30:], expected[30:])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_exif_in_which_nothing_can_be_read_is_left_out(tmp_path: Path, suffix: str) -> None:
    buffer = io.BytesIO()
    PillowImage.fromarray(scene()).save(buffer, format="JPEG", exif=b"Exif\x00\x00garbagegarbage")
    (tmp_path / "in.jpg").write_bytes(buffer.getvalue())
    picture = read_picture(tmp_path / "in.jpg")
    write_picture(tmp_path / f"out{suffix}", picture, changed(picture.bgr))
    assert read_picture(tmp_path / f"out{suffix}").bgr.shape == (60, 80, 3)


def test_grey_that_is_transparent_is_named(tmp_path: Path) -> None:
    PillowImage.fromarray(scene()[:, :, 0]).save(tmp_path / "in.png", transparency=5)
    picture = read_picture(tmp_path / "in.png")
    notes = write_picture(tmp_path / "out.png", picture, changed(picture.bgr))
    assert "left out: its transparency" in map(str, notes)


def test_ratings_and_titles_reach_a_tiff(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x4746], exif[0x9C9B] = 4, "Title".encode("utf-16-le")
    PillowImage.fromarray(scene()).save(tmp_path / "in.jpg", exif=exif)
    for name, source in (("one.tif", "in.jpg"), ("two.tif", "one.tif")):
        picture = read_picture(tmp_path / source)
        write_picture(tmp_path / name, picture, changed(picture.bgr))
        with PillowImage.open(tmp_path / name) as written:
            assert written.getexif()[0x4746] == 4
            assert bytes(written.getexif()[0x9C9B]) == "Title".encode("utf-16-le")


def test_sixteen_bits_stay_sixteen_bits_where_nothing_was_restored(tmp_path: Path) -> None:
    deep = scene().astype(np.uint16) * 256 + np.arange(80, dtype=np.uint16)[None, :, None]
    cv2.imwrite(str(tmp_path / "in.png"), deep)
    picture = read_picture(tmp_path / "in.png")
    assert picture.bgr.dtype == np.uint8
    assert np.abs(picture.bgr.astype(int) - deep / 257).max() <= 0.5
    write_picture(tmp_path / "out.png", picture, changed(picture.bgr))
    back = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == np.uint16
    assert np.array_equal(back[:20], deep[:20])
    expected = np.maximum(picture.bgr[20:40, 20:60].astype(int), 40) - 40
    assert np.abs(back[20:40, 20:60] / 257 - expected).max() < 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_alpha_is_kept_bit_by_bit(tmp_path: Path, depth: type) -> None:
    scale = np.iinfo(depth).max // 255
    alpha = np.arange(60 * 80).reshape(60, 80, 1) % 256
    source = (np.concatenate((scene(), alpha), axis=2) * scale).astype(depth)
    cv2.imwrite(str(tmp_path / "in.png"), source)
    picture = read_picture(tmp_path / "in.png")
    assert picture.bgr.shape == (60, 80, 3)
    write_picture(tmp_path / "out.png", picture, changed(picture.bgr))
    back = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert back.dtype == depth
    assert np.array_equal(back[:, :, 3], source[:, :, 3])
    assert np.array_equal(back[:, :, :3], changed(scene()).astype(depth) * scale)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_grey_stays_grey(tmp_path: Path, depth: type) -> None:
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY).astype(depth) * (np.iinfo(depth).max // 255)
    cv2.imwrite(str(tmp_path / "in.png"), grey)
    picture = read_picture(tmp_path / "in.png")
    assert np.ptp(picture.bgr, axis=2).max() == 0
    tinted = picture.bgr.copy()
    tinted[20:40, 20:60, 0] //= 2
    write_picture(tmp_path / "out.png", picture, tinted)
    back = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert back.ndim == 2
    assert back.dtype == depth
    assert np.array_equal(back[:20], grey[:20])
    assert not np.array_equal(back[20:40], grey[20:40])


@pytest.mark.parametrize("kind", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_every_kind_of_pixel_is_read_as_bgr_and_can_be_written_again(tmp_path: Path, kind: str, suffix: str) -> None:
    image = PillowImage.fromarray(np.ascontiguousarray(scene()[:, :, ::-1])).convert("L" if kind == "I;16" else kind)
    if kind == "I;16":
        image = PillowImage.fromarray(np.asarray(image).astype(np.uint16) * 257)
    try:
        image.save(tmp_path / f"in{suffix}")
    except (OSError, KeyError):
        pytest.skip(f"{suffix} cannot hold {kind}")
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.bgr.shape == (60, 80, 3)
    write_picture(tmp_path / f"out{suffix}", picture, changed(picture.bgr))
    back = read_picture(tmp_path / f"out{suffix}").bgr.astype(int)
    assert np.abs(back[:15] - picture.bgr[:15]).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_turned_picture_is_read_and_written_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    lying = PillowImage.fromarray(np.ascontiguousarray(scene()[:, :, ::-1]))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker of cameras"
    lying.save(tmp_path / f"in{suffix}", exif=exif, quality=95, lossless=True)
    with PillowImage.open(tmp_path / f"in{suffix}") as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[:, :, ::-1]
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.bgr.shape == upright.shape
    assert np.abs(picture.bgr.astype(int) - upright).mean() < 1
    restored = picture.bgr.copy()
    restored[25:35, 25:35] = 0
    write_picture(tmp_path / f"out{suffix}", picture, restored)
    with PillowImage.open(tmp_path / f"out{suffix}") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getexif().get(0x010F) == "Maker of cameras"
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[:, :, ::-1]
    assert shown.shape == restored.shape
    assert np.abs(shown.astype(int) - restored).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_picture_whose_exif_begins_as_in_a_jpeg_is_turned(tmp_path: Path, suffix: str) -> None:
    block = b"Exif\0\0II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, 6, 0)
    kinds, blobs = [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(block, np.uint8).reshape(1, -1)]
    encoded = cv2.imencodeWithMetadata(suffix, scene(), kinds, blobs)[1].tobytes()
    assert block in encoded
    (tmp_path / f"in{suffix}").write_bytes(encoded)
    picture = read_picture(tmp_path / f"in{suffix}")
    assert picture.bgr.shape == (80, 60, 3)
    write_picture(tmp_path / f"out{suffix}", picture, changed(picture.bgr))
    with PillowImage.open(tmp_path / f"out{suffix}") as image:
        assert image.size == (60, 80)
        assert image.getexif().get(0x0112) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_colour_profile_is_kept(tmp_path: Path, suffix: str) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = PillowImage.fromarray(np.ascontiguousarray(scene()[:, :, ::-1]))
    image.save(tmp_path / f"in{suffix}", icc_profile=profile)
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(tmp_path / f"out{suffix}", picture, changed(picture.bgr))
    with PillowImage.open(tmp_path / f"out{suffix}") as written:
        assert written.info.get("icc_profile") == profile


@pytest.mark.parametrize(
    ("suffix", "target"),
    [(".jpg", ".jpg"), (".png", ".png"), (".webp", ".webp"), (".tif", ".tif"), (".jpeg", ".jpg"), (".tif", ".tiff")],
)
def test_a_picture_in_which_nothing_changed_is_copied_byte_by_byte(tmp_path: Path, suffix: str, target: str) -> None:
    cv2.imwrite(str(tmp_path / f"in{suffix}"), scene())
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(tmp_path / f"out{target}", picture, picture.bgr)
    assert (tmp_path / f"out{target}").read_bytes() == (tmp_path / f"in{suffix}").read_bytes()


def test_a_grey_picture_becomes_a_pixmap_of_colours(tmp_path: Path) -> None:
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / "in.png"), grey)
    picture = read_picture(tmp_path / "in.png")
    write_picture(tmp_path / "out.ppm", picture, picture.bgr)
    written = cv2.imread(str(tmp_path / "out.ppm"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert np.array_equal(written, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


def test_formats_that_hold_less_get_what_they_hold(tmp_path: Path) -> None:
    deep = np.concatenate((scene(), np.full((60, 80, 1), 128, np.uint8)), axis=2).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "in.png"), deep)
    picture = read_picture(tmp_path / "in.png")
    write_picture(tmp_path / "out.jpg", picture, changed(picture.bgr))
    assert np.abs(read_picture(tmp_path / "out.jpg").bgr.astype(int) - changed(scene())).mean() < 3


def test_one_pixel_and_forty_eight_million(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.full((1, 1, 3), 77, np.uint8))
    one = read_picture(tmp_path / "one.png")
    write_picture(tmp_path / "one-out.png", one, one.bgr // 2)
    assert read_picture(tmp_path / "one-out.png").bgr.tolist() == [[[38, 38, 38]]]
    huge = cv2.resize(scene(), (8000, 6000), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "huge.jpg"), huge)
    picture = read_picture(tmp_path / "huge.jpg")
    assert picture.bgr.shape == (6000, 8000, 3)
    write_picture(tmp_path / "huge-out.jpg", picture, changed(picture.bgr))
    assert read_picture(tmp_path / "huge-out.jpg").bgr.shape == (6000, 8000, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_picture_that_breaks_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    whole = cv2.imencode(suffix, cv2.resize(scene(), (640, 480)))[1].tobytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableMediaError, match="damaged"):
        read_picture(tmp_path / f"cut{suffix}")


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"This is a text.\n" * 30, b"\xff\xd8\xff\xe0" + bytes(200)]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UnreadableMediaError) as refusal:
        read_picture(tmp_path / "bad.png")
    assert "bad.png" in refusal.value.what


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match="no file"):
        read_picture(tmp_path / "absent.png")
    with pytest.raises(UnreadableMediaError):
        read_picture(tmp_path)


def test_damaged_exif_does_not_hinder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PillowImage.fromarray(scene()).save(buffer, format="JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff")
    (tmp_path / "in.jpg").write_bytes(buffer.getvalue())
    assert read_picture(tmp_path / "in.jpg").bgr.shape == (60, 80, 3)


def test_names_beyond_ascii_work(tmp_path: Path) -> None:
    write_image(tmp_path / "Gesichter – 顔.png", scene())
    assert np.array_equal(read_picture(tmp_path / "Gesichter – 顔.png").bgr, scene())


@pytest.mark.parametrize("name", ["absent/out.png", "out.mp4", "out"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "in.png", scene())
    picture = read_picture(tmp_path / "in.png")
    with pytest.raises(OutputError):
        write_picture(tmp_path / name, picture, changed(picture.bgr))
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(OutputError):
        write_image(tmp_path / "out.png", scene())
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can only be mounted by root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_what_was_there_stays(small_disk: Path) -> None:
    write_image(small_disk / "out.png", scene(4, 4))
    before = (small_disk / "out.png").read_bytes()
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    with pytest.raises(OutputError, match="no room"):
        write_image(small_disk / "out.png", noise, overwrite=True)
    assert (small_disk / "out.png").read_bytes() == before
    assert [path.name for path in small_disk.iterdir()] == ["out.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_that_its_container_turns_stands_upright(tmp_path: Path, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    PillowImage.fromarray(scene()).save(tmp_path / "in.avif", exif=exif, quality=95)
    with PillowImage.open(tmp_path / "in.avif") as original:
        upright = np.asarray(ImageOps.exif_transpose(original))[:, :, ::-1].astype(int)
    picture = read_picture(tmp_path / "in.avif")
    assert picture.bgr.shape == upright.shape
    assert np.abs(picture.bgr - upright).mean() < 3
    write_picture(tmp_path / "out.avif", picture, changed(picture.bgr))
    with PillowImage.open(tmp_path / "out.avif") as after:
        assert after.size == (upright.shape[1], upright.shape[0])
        assert np.abs(np.asarray(ImageOps.exif_transpose(after))[:15, :, ::-1] - upright[:15]).mean() < 4


@pytest.mark.parametrize("suffix", [".tif", ".avif"])
def test_profile_and_resolution_are_kept(tmp_path: Path, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"compression": "tiff_lzw", "dpi": (300, 200)} if suffix == ".tif" else {}
    PillowImage.fromarray(scene()).save(tmp_path / f"in{suffix}", icc_profile=profile, **options)
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(tmp_path / f"out{suffix}", picture, changed(picture.bgr))
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        assert after.info["icc_profile"] == profile
        if suffix == ".tif":
            assert tuple(map(float, after.info["dpi"])) == (300, 200)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".tif"])
def test_a_file_of_several_pictures_is_refused_by_name(tmp_path: Path, suffix: str) -> None:
    frames = [PillowImage.fromarray(scene() // (i + 1)) for i in range(3)]
    frames[0].save(tmp_path / f"in{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableMediaError, match="holds 3 pictures"):
        read_picture(tmp_path / f"in{suffix}")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_damaged_tiff_is_refused(tmp_path: Path, compression: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    PillowImage.fromarray(noise).save(tmp_path / "in.tif", compression=compression)
    read_picture(tmp_path / "in.tif")
    data = bytearray((tmp_path / "in.tif").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(255 - each for each in data[middle : middle + 4000])
    (tmp_path / "in.tif").write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="damaged"):
        read_picture(tmp_path / "in.tif")


def is_read_by_opencv_alone(encoded: bytes) -> bool:
    if cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) is None:
        return False
    with contextlib.suppress(OSError):
        PillowImage.open(io.BytesIO(encoded)).load()
        return False
    return True


@pytest.mark.parametrize(("name", "damage"), [("grey.jpg", "flip"), ("turned.jpg", "repeat"), ("plain.jp2", "blank")])
def test_a_damaged_picture_of_which_much_can_be_read_is_named(tmp_path: Path, name: str, damage: str) -> None:
    whole = pictures()[name]
    tries = (DAMAGES[damage](whole, np.random.default_rng(seed)) for seed in range(200))
    (tmp_path / name).write_bytes(next(filter(is_read_by_opencv_alone, tries)))
    said = list(map(str, read_picture(tmp_path / name).facts.losses))
    assert said[-1].startswith("the file is damaged (")
    (tmp_path / name).write_bytes(whole)
    assert len(read_picture(tmp_path / name).facts.losses) == len(said) - 1


def test_cmyk_is_named(tmp_path: Path) -> None:
    PillowImage.fromarray(scene()).convert("CMYK").save(tmp_path / "in.jpg")
    assert list(map(str, read_picture(tmp_path / "in.jpg").facts.losses)) == ["its CMYK colours became RGB"]
