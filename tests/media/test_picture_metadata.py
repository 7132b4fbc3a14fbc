"""What a picture file holds beside its colours: kept where the format can, named where it cannot."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, PngImagePlugin
from PIL import Image as PillowImage

from app.core.errors import UnreadableMediaError
from app.media.pictures.picture import enlarged, read_picture, write_picture
from tests.media_files import numbered_picture, write_video

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
TAKEN, EXPOSURE = 0x9003, 0x829A
WIDTH, HEIGHT = 0xA002, 0xA003
ONE_PICTURE = b"MPF\0MM\0*" + struct.pack(">IHHHIIHHIII", 8, 2, 0xB001, 4, 1, 1, 0xB002, 7, 16, 38, 0) + bytes(16)
GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)
DISPLAY_P3, SRGB_CURVE, PQ = 12, 13, 16


def scene() -> NDArray[np.uint8]:
    """uint8 (60, 80, 3) RGB, smooth."""
    seed = np.random.default_rng(7).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(cv2.resize(seed, (80, 60), interpolation=cv2.INTER_CUBIC), np.uint8)


def exif() -> PillowImage.Exif:
    block = PillowImage.Exif()
    block[0x010F], block[0x8298], block[0x0112] = "Maker", "Copyright me", 1
    block.get_ifd(0x8769).update({TAKEN: "2020:01:02 03:04:05", EXPOSURE: 0.01})
    return block


def save(path: Path) -> None:
    """A picture with everything that its format holds."""
    options: dict[str, object] = {"icc_profile": PROFILE, "exif": exif().tobytes(), "dpi": (300, 200)}
    if path.suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Author", "a person")  # type: ignore[attr-defined]
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())  # type: ignore[attr-defined]
    elif path.suffix == ".jpg":
        options |= {"xmp": XMP, "comment": b"a comment"}
    else:
        options |= {"xmp": XMP, "quality": 95}
    PillowImage.fromarray(scene()).save(path, **options)


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def through(source: Path, target: Path) -> tuple[str, ...]:
    """`source` with a small change, written as `target`; what was lost."""
    picture = read_picture(source)
    changed = picture.bgr.copy()
    changed[20:40, 20:60] = np.maximum(changed[20:40, 20:60], 40) - 40
    return tuple(map(str, write_picture(target, picture, changed, overwrite=True)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_metadata_stay_where_they_are(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"in{suffix}")
    assert through(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}") == ()
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        info, read, taken = after.info, after.getexif(), after.getexif().get_ifd(0x8769)
    assert info["icc_profile"] == PROFILE
    assert read[0x010F] == "Maker"
    assert taken[TAKEN] == "2020:01:02 03:04:05"
    assert as_bytes(info["xmp"]) == XMP
    if suffix == ".png":
        assert info["Author"] == "a person"
    if suffix == ".jpg":
        assert info["comment"] == b"a comment"
    if suffix in (".jpg", ".png"):
        assert [round(dpi) for dpi in info["dpi"]] == [300, 200]


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png", ".webp", ".avif"])
def test_exif_of_a_tiff_is_kept_there_and_in_other_formats(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "in.jpg")
    assert through(tmp_path / "in.jpg", tmp_path / "in.tif") == (
        "left out, as a .tif does not hold it: what else its format notes beside the pixels, such as texts",
    )
    losses = through(tmp_path / "in.tif", tmp_path / f"out{suffix}")
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        info, read, taken = after.info, after.getexif(), after.getexif().get_ifd(0x8769)
    assert read[0x8298] == "Copyright me"
    assert taken[TAKEN] == "2020:01:02 03:04:05"
    assert float(taken[EXPOSURE]) == 0.01
    assert info["icc_profile"] == PROFILE
    assert as_bytes(info["xmp"]) == XMP
    if suffix in (".webp", ".avif"):
        assert losses == (f"left out, as a {suffix} does not hold it: its resolution",)
    else:
        assert losses == ()
        assert [round(float(dpi)) for dpi in info["dpi"]] == [300, 200]


def test_a_tiff_whose_pages_cannot_be_counted_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture = PillowImage.fromarray(scene())
    picture.save(buffer, "TIFF", save_all=True, append_images=[picture])
    data = bytearray(buffer.getvalue())
    second = tifffile.TiffFile(io.BytesIO(data)).pages[1].offset
    struct.pack_into("<H", data, second, 0)  # a directory without entries, so without a size
    (tmp_path / "in.tif").write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="damaged"):
        read_picture(tmp_path / "in.tif")


def test_a_damaged_profile_is_named(tmp_path: Path) -> None:
    damaged = PROFILE[:16] + b"?" + PROFILE[17:]
    PillowImage.fromarray(scene()).save(tmp_path / "in.webp", icc_profile=damaged, quality=95)
    picture = read_picture(tmp_path / "in.webp")
    (said,) = write_picture(tmp_path / "out.webp", picture, 255 - picture.bgr)
    assert "its colour profile, which is damaged" in str(said)


def test_what_another_format_cannot_hold_is_named(tmp_path: Path) -> None:
    save(tmp_path / "in.png")
    (loss,) = through(tmp_path / "in.png", tmp_path / "out.bmp")
    for words in ("its colour profile", "its EXIF data", "its resolution", "such as texts"):
        assert words in loss


@pytest.mark.parametrize("suffix", [".avif", ".jp2"])
def test_transparency_is_kept(tmp_path: Path, suffix: str) -> None:
    alpha = np.tile(np.arange(80, dtype=np.uint8) * 3, (60, 1))
    PillowImage.fromarray(np.dstack((scene(), alpha))).save(tmp_path / f"in{suffix}", quality=95)
    assert through(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}") == ()
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        assert np.abs(np.asarray(after)[:, :, 3].astype(int) - alpha).mean() < 2
    assert through(tmp_path / f"in{suffix}", tmp_path / "out.jpg") == (
        "left out, as a .jpg does not hold it: its transparency",
    )


def test_ten_bits_are_as_bright_as_eight_and_named_where_they_are_lost(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.avif"), scene().astype(np.uint16) * 4, [cv2.IMWRITE_AVIF_DEPTH, 10])
    picture = read_picture(tmp_path / "in.avif")
    assert np.abs(picture.bgr.astype(int) - scene()).mean() < 3
    assert through(tmp_path / "in.avif", tmp_path / "out.avif") == ("its 10 bits a colour became 8",)
    with PillowImage.open(tmp_path / "out.avif") as after:
        assert np.abs(np.asarray(after)[:15, :, ::-1].astype(int) - scene()[:15]).mean() < 3
    assert through(tmp_path / "in.avif", tmp_path / "out.png") == ()


@pytest.mark.parametrize(("white", "kind"), [(1023, ">u2"), (100, "u1")])
def test_white_of_a_portable_pixmap_is_white(tmp_path: Path, white: int, kind: str) -> None:
    samples = np.rint(scene() / 255 * white)
    head = f"P6\n# a comment\n80 60\n{white}\n".encode()
    (tmp_path / "in.ppm").write_bytes(head + samples.astype(kind).tobytes())
    assert np.abs(read_picture(tmp_path / "in.ppm").bgr[:, :, ::-1].astype(int) - scene()).max() <= 2


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint32])
def test_numbers_that_are_no_picture_are_refused(tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.full((8, 8), 10, kind), photometric="minisblack")
    with pytest.raises(UnreadableMediaError, match="numbers of the type"):
        read_picture(tmp_path / "in.tif")


def test_lab_colours_are_refused(tmp_path: Path) -> None:
    PillowImage.fromarray(scene()).convert("LAB").save(tmp_path / "in.tif")
    with pytest.raises(UnreadableMediaError, match="Lab colours"):
        read_picture(tmp_path / "in.tif")


def test_the_further_pictures_of_a_photograph_are_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture = PillowImage.fromarray(scene())
    picture.save(buffer, "MPO", save_all=True, append_images=[picture])
    (tmp_path / "in.jpg").write_bytes(buffer.getvalue())
    (loss,) = through(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert "1 further picture" in loss
    with PillowImage.open(tmp_path / "out.jpg") as after:
        assert "icc_profile" not in after.info  # the index of the pictures is no profile


def test_cmyk_becomes_rgb_without_a_profile_for_inks(tmp_path: Path) -> None:
    inks = bytearray(PROFILE)
    inks[16:20] = b"CMYK"
    for suffix in (".jpg", ".tif"):
        PillowImage.fromarray(scene()).convert("CMYK").save(tmp_path / f"in{suffix}", icc_profile=bytes(inks))
        assert through(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}") == ("its CMYK colours became RGB",)
        with PillowImage.open(tmp_path / f"out{suffix}") as after:
            assert after.mode == "RGB"
            assert "icc_profile" not in after.info


def segment(data: bytes) -> bytes:
    """An APP2 segment of a JPEG."""
    return b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif", ".bmp", ".jp2"])
@pytest.mark.parametrize("first", [True, False])
def test_the_profile_of_a_jpeg_survives_other_segments_beside_it(tmp_path: Path, first: bool, suffix: str) -> None:
    whole = cv2.imencode(".jpg", scene())[1].tobytes()
    profile, others = segment(b"ICC_PROFILE\0\1\1" + PROFILE), segment(ONE_PICTURE) + segment(GAIN_MAP)
    (tmp_path / "in.jpg").write_bytes(whole[:20] + (others + profile if first else profile + others) + whole[20:])
    losses = through(tmp_path / "in.jpg", tmp_path / f"out{suffix}")
    if suffix in (".bmp", ".jp2"):
        assert losses == (f"left out, as a {suffix} does not hold it: its colour profile",)
    else:
        assert losses == ()
        with PillowImage.open(tmp_path / f"out{suffix}") as after:
            assert after.info["icc_profile"] == PROFILE


CLAIMS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"'
    b' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion=\'1\''
    b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="0123456789ABCDEF0123456789ABCDEF">'
    b"<GCamera:MicroVideoOffset>1000</GCamera:MicroVideoOffset>"
    b'<Container:Directory xmlns:Container="http://ns.google.com/photos/1.0/container/"><rdf:Seq><rdf:li'
    b' rdf:parseType="Resource"><Container:Item xmlns:Item="http://ns.google.com/photos/1.0/container/item/"'
    b' Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="1000"/></rdf:li></rdf:Seq></Container:Directory>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def phone_photo(path: Path, *, segments: bytes = b"", rest: bytes = b"", progressive: bool = False) -> Path:
    """A JPEG with more segments, whose XMP says what else the file holds, and `rest` behind the picture."""
    buffer = io.BytesIO()
    PillowImage.fromarray(scene()).save(buffer, "JPEG", xmp=CLAIMS, progressive=progressive)
    whole = buffer.getvalue()
    path.write_bytes(whole[:20] + segments + whole[20:] + rest)
    return path


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_motion_photo_says_nothing_of_the_video_that_it_lost(tmp_path: Path, suffix: str, progressive: bool) -> None:
    write_video(tmp_path / "clip.mp4", [numbered_picture(i) for i in range(3)])
    extended = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + b"<depth/>"
    credentials = b"JP\0\1\0\0\0\1\0\0\0\x20jumb\0\0\0\x18jumdc2pa" + bytes(12)
    more = b"".join(
        kind + struct.pack(">H", len(data) + 2) + data
        for kind, data in ((b"\xff\xe1", extended), (b"\xff\xeb", credentials))
    )
    clip = (tmp_path / "clip.mp4").read_bytes()
    source = phone_photo(tmp_path / "in.jpg", segments=more, rest=clip, progressive=progressive)
    assert through(source, tmp_path / f"out{suffix}") == (
        "left out: the video of a motion photo, its extended XMP data, such as its depth, "
        "its content credentials (C2PA)",
    )
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        xmp = as_bytes(after.info["xmp"])
    (described,) = ElementTree.fromstring(xmp).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert {name.rpartition("}")[2]: value for name, value in described.items()} == {"about": "", "Rating": "3"}
    assert not list(described)


def test_an_unchanged_motion_photo_keeps_its_video(tmp_path: Path) -> None:
    source = phone_photo(tmp_path / "in.jpg", rest=b"\0\0\0\x18ftypmp42")
    picture = read_picture(source)
    assert write_picture(tmp_path / "out.jpg", picture, picture.bgr) == ()
    assert (tmp_path / "out.jpg").read_bytes() == source.read_bytes()


def test_what_follows_a_photograph_is_named(tmp_path: Path) -> None:
    gain_map = cv2.imencode(".jpg", scene()[:10, :10])[1].tobytes()
    for rest, named in (
        (gain_map, "left out: 1 further picture in the file, such as a preview or what makes it HDR"),
        (b"SEFH of a maker", "left out: what follows the picture in the file"),
    ):
        assert through(phone_photo(tmp_path / "in.jpg", rest=rest), tmp_path / "out.jpg") == (named,)
        assert b"hdrgm:Version" not in (tmp_path / "out.jpg").read_bytes()
    assert through(phone_photo(tmp_path / "in.jpg", rest=bytes(16)), tmp_path / "out.jpg") == ()


def test_other_segments_of_a_jpeg_are_no_profile(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", scene())[1].tobytes()
    (tmp_path / "in.jpg").write_bytes(whole[:20] + segment(GAIN_MAP + bytes(200)) + whole[20:])
    assert through(tmp_path / "in.jpg", tmp_path / "out.bmp") == ()
    incomplete = segment(b"ICC_PROFILE\0\1\2" + PROFILE[:300])
    (tmp_path / "in.jpg").write_bytes(whole[:20] + incomplete + whole[20:])
    (loss,) = through(tmp_path / "in.jpg", tmp_path / "out.png")
    assert "its colour profile, which is damaged" in loss


def test_what_follows_a_profile_is_cut_off(tmp_path: Path) -> None:
    PillowImage.fromarray(scene()).save(tmp_path / "in.webp", icc_profile=PROFILE + bytes(2))
    assert through(tmp_path / "in.webp", tmp_path / "out.png") == ()
    with PillowImage.open(tmp_path / "out.png") as after:
        assert after.info["icc_profile"] == PROFILE


def test_a_large_profile_passes_through_a_jpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(4).integers(0, 256, 200_000 - len(PROFILE), np.uint8).tobytes()
    large = struct.pack(">I", 200_000) + PROFILE[4:] + noise
    PillowImage.fromarray(scene()).save(tmp_path / "in.png", icc_profile=large, exif=exif().tobytes())
    assert through(tmp_path / "in.png", tmp_path / "out.jpg") == ()
    assert through(tmp_path / "out.jpg", tmp_path / "back.png") == ()
    for name in ("out.jpg", "back.png"):
        with PillowImage.open(tmp_path / name) as after:
            assert after.info["icc_profile"] == large
            assert after.getexif()[0x010F] == "Maker"


def test_what_is_too_long_for_a_jpeg_is_named(tmp_path: Path) -> None:
    block = exif()
    block.get_ifd(0x8769)[0x927C] = bytes(70_000)
    xmp = XMP.replace(b"></", b">" + b" " * 70_000 + b"</")
    PillowImage.fromarray(scene()).save(tmp_path / "in.webp", exif=block.tobytes(), xmp=xmp)
    assert through(tmp_path / "in.webp", tmp_path / "out.jpg") == (
        "left out, as a .jpg does not hold it: its EXIF data, its XMP data",
    )
    assert np.abs(read_picture(tmp_path / "out.jpg").bgr[:15].astype(int) - scene()[:15, :, ::-1]).mean() < 6
    assert through(tmp_path / "in.webp", tmp_path / "out.png") == ()


def avif(path: Path, primaries: int, transfer: int, **options: bytes) -> Path:
    """An AVIF that names these colours."""
    buffer = io.BytesIO()
    PillowImage.fromarray(scene()).save(buffer, "AVIF", quality=95, **options)
    data = bytearray(buffer.getvalue())
    struct.pack_into(">HH", data, data.find(b"colrnclx") + 8, primaries, transfer)
    path.write_bytes(data)
    return path


def test_colours_that_an_avif_names_are_kept_in_a_png_and_else_named(tmp_path: Path) -> None:
    source = avif(tmp_path / "in.avif", DISPLAY_P3, SRGB_CURVE)
    assert through(source, tmp_path / "out.png") == ()
    assert b"cICP" + bytes((DISPLAY_P3, SRGB_CURVE, 0, 1)) in (tmp_path / "out.png").read_bytes()
    assert through(tmp_path / "out.png", tmp_path / "again.png") == ()
    assert b"cICP" + bytes((DISPLAY_P3, SRGB_CURVE, 0, 1)) in (tmp_path / "again.png").read_bytes()
    for each in (source, tmp_path / "out.png"):
        for suffix in (".avif", ".jpg", ".webp", ".tif"):
            assert through(each, tmp_path / f"lost{suffix}") == ("left out: its colour profile",)
        assert through(each, tmp_path / "lost.bmp") == ("left out, as a .bmp does not hold it: its colour profile",)


def test_usual_colours_or_a_profile_leave_nothing_to_name(tmp_path: Path) -> None:
    assert through(avif(tmp_path / "in.avif", 1, SRGB_CURVE), tmp_path / "out.jpg") == ()
    source = avif(tmp_path / "in.avif", DISPLAY_P3, SRGB_CURVE, icc_profile=PROFILE)
    assert through(source, tmp_path / "out.jpg") == ()
    assert through(source, tmp_path / "out.png") == ()
    assert b"cICP" not in (tmp_path / "out.png").read_bytes()


def test_high_dynamic_range_is_marked_in_a_png_and_else_named(tmp_path: Path) -> None:
    source = avif(tmp_path / "in.avif", DISPLAY_P3, PQ, icc_profile=PROFILE)
    assert through(source, tmp_path / "out.png") == ()
    assert b"cICP" + bytes((DISPLAY_P3, PQ, 0, 1)) in (tmp_path / "out.png").read_bytes()
    for each in (source, tmp_path / "out.png"):
        assert through(each, tmp_path / "out.jpg") == ("its high dynamic range is not marked any more",)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_exif_describes_the_result_and_not_what_it_was_made_of(tmp_path: Path, suffix: str, order: str) -> None:
    small = io.BytesIO()
    PillowImage.fromarray(scene()).save(small, "JPEG")
    thumbnail = small.getvalue()
    first = struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(order + "I", 56)
    sizes = struct.pack(order + "HHHIHHHHIII", 2, WIDTH, 3, 1, 80, 0, HEIGHT, 4, 1, 60, 0)
    second = struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, 86, 0x0202, 4, 1, len(thumbnail), 0)
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    PillowImage.fromarray(scene()).save(
        tmp_path / "in.jpg", exif=b"Exif\0\0" + head + first + sizes + second + thumbnail
    )
    with PillowImage.open(tmp_path / "in.jpg") as before:
        assert before.getexif().get_ifd(0x8769) == {WIDTH: 80, HEIGHT: 60}
        assert before.getexif().get_ifd(ExifTags.IFD.IFD1)
    picture = enlarged(read_picture(tmp_path / "in.jpg"), 2)
    write_picture(tmp_path / f"out{suffix}", picture, picture.bgr // 2)
    with PillowImage.open(tmp_path / f"out{suffix}") as after:
        assert after.size == (160, 120)
        assert after.getexif().get_ifd(0x8769) == {WIDTH: 160, HEIGHT: 120}
        assert not after.getexif().get_ifd(ExifTags.IFD.IFD1)
