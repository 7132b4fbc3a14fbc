"""`restore` on a single picture: the face gets better, the rest stays as it was, and what cannot be done is said."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.helpers import Cli, difference, leftovers, read

Pixels = NDArray[np.uint8]

FACE = (slice(60, 180), slice(175, 275))
"""Where the portrait's face is."""
AWAY = (slice(330, 512), slice(0, 512))
"""Well outside the region that any restoring of that face may touch."""


def save(path: Path, image: Pixels) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def test_the_face_changes_and_nothing_else_does(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    answer = cli("restore", source, tmp_path / "new.png", "--json")
    assert answer.code == 0
    changed = difference(read(tmp_path / "new.png"), portrait)
    assert changed[FACE].mean() > 1
    assert changed[AWAY].max() == 0
    assert changed[:, 400:].max() == 0
    assert answer.document["files"][0]["faces"] == 1
    assert leftovers(tmp_path) == ["log/cfrnet-live.log", "new.png", "old.png"]


def test_restoring_brings_the_face_nearer_to_the_sharp_one(cli: Cli, tmp_path: Path) -> None:
    import skimage.data

    sharp = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    noise = np.random.default_rng(1).normal(scale=14, size=sharp.shape)
    degraded = np.clip(cv2.GaussianBlur(sharp, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)
    cli("restore", save(tmp_path / "old.png", degraded), tmp_path / "new.png", "--k", 2)
    inner = (slice(85, 160), slice(190, 260))
    before = difference(degraded, sharp)[inner].astype(float)
    after = difference(read(tmp_path / "new.png"), sharp)[inner].astype(float)
    assert np.square(after).mean() < np.square(before).mean()


def test_k_is_the_number_of_cycles(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    results = []
    for k in (1, 2, 3, 4):
        answer = cli("restore", source, tmp_path / f"{k}.png", "--k", k, "--json")
        cycles = [stage for stage in answer.document["stages"] if stage.startswith("cycle_")]
        assert cycles == [f"cycle_{number}" for number in range(1, k + 1)]
        results.append(read(tmp_path / f"{k}.png"))
    assert all(difference(a, b).max() > 0 for a, b in itertools.pairwise(results))


def test_timings_name_every_stage(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    document = cli("restore", source, tmp_path / "new.png", "--json", "--k", 2, "--precision", "fp32").document
    assert list(document["stages"]) == ["capture", "detect", "align", "cycle_1", "cycle_2", "restore", "paste"]
    assert all(stage["p50_ms"] > 0 for stage in document["stages"].values())
    assert document["settings"]["precision"] == document["engine"]["precision"] == "fp32"
    assert document["settings"]["k"] == 2


def test_strength_is_how_much_of_the_restored_face_is_seen(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    change = {}
    for strength in (0, 50, 100):
        assert cli("restore", source, tmp_path / "new.png", "--strength", strength, "--overwrite").code == 0
        change[strength] = difference(read(tmp_path / "new.png"), portrait)[FACE].mean()
    assert change[0] == 0
    assert 0.35 * change[100] < change[50] < 0.65 * change[100]


def test_side_by_side_shows_the_original_on_the_left(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    assert cli("restore", source, tmp_path / "both.png", "--side-by-side").code == 0
    assert cli("restore", source, tmp_path / "new.png").code == 0
    both = read(tmp_path / "both.png")
    assert both.shape == (512, 1024, 3)
    assert (both[:, :512] == portrait).all()
    assert (both[:, 512:] == read(tmp_path / "new.png")).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
def test_a_picture_without_a_face_is_copied_byte_for_byte(
    cli: Cli, tmp_path: Path, landscape: Pixels, suffix: str
) -> None:
    source = save(tmp_path / f"old{suffix}", landscape)
    answer = cli("restore", source, tmp_path / f"new{suffix}")
    assert answer.code == 0
    assert "note: " in answer.err
    assert "no face" in answer.err
    assert (tmp_path / f"new{suffix}").read_bytes() == source.read_bytes()


def test_a_picture_without_a_face_can_change_its_format(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    source = save(tmp_path / "old.bmp", landscape)
    assert cli("restore", source, tmp_path / "new.png").code == 0
    assert (read(tmp_path / "new.png") == landscape).all()


def crowd(portrait: Pixels) -> Pixels:
    return np.tile(portrait[30:230, 120:320], (5, 8, 1))


def test_forty_faces_are_all_restored(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "crowd.png", crowd(portrait))
    answer = cli("restore", source, tmp_path / "new.png", "--k", 1, "--json")
    assert answer.document["files"][0]["faces"] == 40
    changed = difference(read(tmp_path / "new.png"), crowd(portrait))
    tiles = changed.reshape(5, 200, 8, 200)[:, 40:140, :, 60:150].mean(axis=(1, 3))
    assert (tiles > 0.5).all()


def test_only_the_largest_faces_when_asked(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    image = np.full((600, 1000, 3), 120, np.uint8)
    image[50:562, 450:962] = portrait
    image[100:356, 50:306] = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    source = save(tmp_path / "two.png", image)
    answer = cli("restore", source, tmp_path / "new.png", "--faces", 1, "--json")
    assert answer.document["files"][0]["faces"] == 1
    changed = difference(read(tmp_path / "new.png"), image)
    assert changed[:, :400].max() == 0
    assert changed[110:230, 625:725].mean() > 0.5


def test_a_face_at_the_border(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    image = np.ascontiguousarray(portrait[:, 215:])  # the edge cuts through the nose
    source = save(tmp_path / "half.png", image)
    answer = cli("restore", source, tmp_path / "new.png", "--json")
    assert answer.document["files"][0]["faces"] == 1
    changed = difference(read(tmp_path / "new.png"), image)
    assert changed[60:180, :60].mean() > 0.5
    assert changed[AWAY].max() == 0


def test_an_upside_down_face_is_restored_where_it_is(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    image = np.ascontiguousarray(portrait[::-1, ::-1])
    answer = cli("restore", save(tmp_path / "old.png", image), tmp_path / "new.png", "--json")
    assert answer.document["files"][0]["faces"] == 1
    changed = difference(read(tmp_path / "new.png"), image)[::-1, ::-1]
    assert changed[FACE].mean() > 1
    assert changed[AWAY].max() == 0


def test_a_tiny_face_does_no_harm(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    image[200:264, 300:364] = cv2.resize(portrait, (64, 64), interpolation=cv2.INTER_AREA)
    source = save(tmp_path / "tiny.png", image)
    answer = cli("restore", source, tmp_path / "new.png", "--json")
    assert answer.code == 0
    changed = difference(read(tmp_path / "new.png"), image)
    changed[190:240, 305:350] = 0
    assert changed.max() == 0


def test_one_pixel(cli: Cli, tmp_path: Path) -> None:
    source = save(tmp_path / "dot.png", np.full((1, 1, 3), 77, np.uint8))
    answer = cli("restore", source, tmp_path / "new.png")
    assert answer.code == 0
    assert (tmp_path / "new.png").read_bytes() == source.read_bytes()


@pytest.mark.slow
def test_a_picture_of_48_megapixels(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    image = np.full((6000, 8000, 3), 90, np.uint8)
    image[1000:4000, 3000:6000] = cv2.resize(portrait, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    source = save(tmp_path / "huge.bmp", image)
    answer = cli("restore", source, tmp_path / "new.bmp", "--json")
    assert answer.code == 0
    assert answer.document["files"][0]["faces"] == 1
    result = read(tmp_path / "new.bmp")
    assert result.shape == image.shape
    assert (result[:, :2500] == image[:, :2500]).all()
    assert difference(result[1400:2000, 4100:4600], image[1400:2000, 4100:4600]).mean() > 0.2


def test_a_grey_picture_stays_grey(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    cli("restore", save(tmp_path / "old.png", grey), tmp_path / "new.png")
    result = read(tmp_path / "new.png")
    assert result.shape == grey.shape
    assert difference(result, grey)[FACE].mean() > 1
    assert difference(result, grey)[AWAY].max() == 0


def test_transparency_is_kept(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    alpha = np.linspace(0, 255, 512, dtype=np.uint8)[None, :, None].repeat(512, axis=0)
    image = np.concatenate((portrait, alpha), axis=2)
    cli("restore", save(tmp_path / "old.png", image), tmp_path / "new.png")
    result = read(tmp_path / "new.png")
    assert (result[:, :, 3] == alpha[:, :, 0]).all()
    assert difference(result[:, :, :3], portrait)[FACE].mean() > 1


def test_sixteen_bits_are_kept(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    deep = portrait.astype(np.uint16) * 257 - 100
    deep = np.where(portrait == 0, 0, deep).astype(np.uint16)
    cli("restore", save(tmp_path / "old.png", deep), tmp_path / "new.png")
    result = read(tmp_path / "new.png")
    assert result.dtype == np.uint16
    assert (result[AWAY] == deep[AWAY]).all()
    assert (result[FACE] != deep[FACE]).mean() > 0.5


def test_a_rotated_photograph_comes_out_upright(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    sideways = np.ascontiguousarray(np.rot90(portrait))
    exif = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    done, encoded = cv2.imencodeWithMetadata(
        ".jpg", sideways, [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(exif, np.uint8)], [cv2.IMWRITE_JPEG_QUALITY, 98]
    )
    assert done
    (tmp_path / "old.jpg").write_bytes(encoded.tobytes())
    answer = cli("restore", tmp_path / "old.jpg", tmp_path / "new.png", "--json")
    assert answer.document["files"][0]["faces"] == 1
    result = read(tmp_path / "new.png")
    assert difference(result, portrait)[AWAY].mean() < 3
    assert difference(result, portrait)[FACE].mean() > 1


def test_a_jpeg_that_breaks_off(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    whole = save(tmp_path / "whole.jpg", portrait).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    answer = cli("restore", tmp_path / "cut.jpg", tmp_path / "new.jpg")
    assert answer.code == 1
    assert len(answer.errors) == 1
    assert "cut.jpg" in answer.errors[0]
    assert not (tmp_path / "new.jpg").exists()


@pytest.mark.parametrize("content", [b"", b"this is no picture"])
def test_a_file_that_is_no_picture(cli: Cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old.png").write_bytes(content)
    answer = cli("restore", tmp_path / "old.png", tmp_path / "new.png")
    assert answer.code == 1
    assert len(answer.errors) == 1
    assert "old.png" in answer.errors[0]
    assert "new.png" not in leftovers(tmp_path)


def test_a_missing_input(cli: Cli, tmp_path: Path) -> None:
    answer = cli("restore", tmp_path / "nothing.png", tmp_path / "new.png")
    assert answer.code == 1
    assert "nothing.png" in answer.errors[0]


def test_an_output_that_is_no_picture(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    answer = cli("restore", save(tmp_path / "old.png", portrait), tmp_path / "new.txt")
    assert answer.code == 1
    assert "new.txt" in answer.errors[0]
    assert ".png" in answer.err
    assert not (tmp_path / "new.txt").exists()


def test_the_output_may_be_a_folder(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    (tmp_path / "out").mkdir()
    assert cli("restore", save(tmp_path / "old.png", landscape), tmp_path / "out").code == 0
    assert (tmp_path / "out" / "old.png").exists()


def test_a_file_that_is_there_is_refused_by_name(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    source, target = save(tmp_path / "old.png", landscape), tmp_path / "new.png"
    target.write_bytes(b"precious")
    answer = cli("restore", source, target)
    assert answer.code == 1
    assert answer.errors == [f"error: {target} is there already."]
    assert "--overwrite" in answer.err
    assert target.read_bytes() == b"precious"
    assert cli("restore", source, target, "--overwrite").code == 0
    assert np.array_equal(read(target), landscape)


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
@pytest.mark.parametrize("how", ["same name", "symbolic link", "folder"])
def test_the_input_is_never_overwritten(
    cli: Cli, tmp_path: Path, portrait: Pixels, how: str, options: tuple[str, ...]
) -> None:
    source = save(tmp_path / "old.png", portrait)
    before = source.read_bytes()
    output = {"same name": source, "symbolic link": tmp_path / "link.png", "folder": tmp_path}[how]
    if how == "symbolic link":
        output.symlink_to(source)
    answer = cli("restore", source, output, *options)
    assert answer.code == 1
    assert "input itself" in answer.errors[0]
    assert source.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_private_picture_stays_private(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "old.png", portrait)
    source.chmod(0o600)
    assert cli("restore", source, tmp_path / "new.png", "--k", 1).code == 0
    assert cli("restore", source, tmp_path / "both.jpg", "--side-by-side", "--k", 1).code == 0
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "new.png", tmp_path / "both.jpg")] == [0o600, 0o600]


def test_a_folder_that_may_not_be_written(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    if sys.platform != "linux":
        pytest.skip("needs a folder in which not even root can make a file")
    answer = cli("restore", save(tmp_path / "old.png", portrait), "/sys/new.png")
    assert answer.code == 1
    assert "/sys/new.png" in answer.errors[0]


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
def test_a_full_disk_leaves_nothing_half_written(
    cli_process: Callable[..., subprocess.Popen[str]], tmp_path: Path, portrait: Pixels
) -> None:
    source = save(tmp_path / "old.png", portrait)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    process = cli_process("restore", source, tmp_path / "new.png", before=limit)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: There is no room left" in said
    assert "Traceback" not in said
    assert not [name for name in leftovers(tmp_path) if name.startswith("new")]


def test_a_result_that_was_there_survives_a_failure(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"broken")
    (tmp_path / "new.png").write_bytes(b"an earlier result")
    assert cli("restore", tmp_path / "old.png", tmp_path / "new.png").code == 1
    assert (tmp_path / "new.png").read_bytes() == b"an earlier result"


@pytest.mark.parametrize("k", ["0", "5", "-1", "two", "1.5"])
def test_a_wrong_k(cli: Cli, tmp_path: Path, k: str) -> None:
    answer = cli("restore", tmp_path / "old.png", tmp_path / "new.png", f"--k={k}")
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert "from 1 to 4" in answer.errors[0]


def test_an_unknown_restorer(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    answer = cli("restore", save(tmp_path / "old.png", portrait), tmp_path / "new.png", "--restorer", "magic")
    assert answer.code == 1
    assert "magic" in answer.errors[0]
    assert "cfrnet-rt" in answer.err
