from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from app.faces.alignment import FFHQ_TEMPLATE
from training.data import FaceFolderError, load_faces
from training.degradation.contact_sheet import draw, read_some
from training.degradation.models import PaperDegradation
from training.prepare import HEADER, prepare

from .conftest import made_up_faces


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One photograph of a person, in two places, one without a face, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    person = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2BGR)
    person = cv2.resize(person, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    (folder / "deeper").mkdir()
    cv2.imwrite(str(folder / "person.png"), person)
    cv2.imwrite(str(folder / "deeper" / "mirrored.jpg"), person[:, ::-1])
    cv2.imwrite(str(folder / "coffee.png"), skimage.data.coffee())
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_any_folder_becomes_one_to_train_on(pictures: Path, tmp_path: Path) -> None:
    count, skipped = prepare(pictures=pictures, out=tmp_path / "faces", source="mine")
    assert count == 2
    assert skipped["picture not readable"] == 1
    assert sum(skipped.values()) == 2  # the cup of coffee, for whatever reason
    with (tmp_path / "faces" / "landmarks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    landmarks = np.array([[float(row[name]) for name in HEADER[3:]] for row in rows]).reshape(-1, 5, 2)
    assert np.abs(landmarks - FFHQ_TEMPLATE).max() < 12
    for row in rows:
        image = cv2.imread(str(tmp_path / "faces" / row["file"]))
        assert image.shape == (256, 256, 3)
    # The second is the first one's mirror image, found and aligned by itself.
    first, second = (cv2.imread(str(tmp_path / "faces" / row["file"])).astype(float) for row in rows)
    assert np.abs(first[:, ::-1] - second)[40:220, 40:220].mean() < 20

    other = made_up_faces(1)[0]
    cv2.imwrite(str(tmp_path / "faces" / "x.png"), other)
    with (tmp_path / "faces" / "landmarks.csv").open("a", newline="") as file:
        csv.DictWriter(file, HEADER).writerow(rows[0] | {"file": "x.png", "source": "ffhq256_real"})
    training, validation = load_faces(tmp_path / "faces")
    assert (len(training), len(validation)) == (2, 1)


def test_a_second_run_replaces_its_own_rows_only(pictures: Path, tmp_path: Path) -> None:
    for source in ("one", "two", "one"):
        prepare(pictures=pictures / "deeper", out=tmp_path / "faces", source=source, suffix=".png")
    with (tmp_path / "faces" / "landmarks.csv").open(newline="") as file:
        assert sorted(row["file"] for row in csv.DictReader(file)) == ["one_00000.png", "two_00000.png"]


def test_small_faces_are_left_out_and_the_reason_is_given(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(FaceFolderError, match=r"smaller than 900 pixels: [23]"):
        prepare(pictures=pictures, out=tmp_path / "faces", source="mine", smallest=900)


def test_errors_name_the_folder(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(FaceFolderError, match="holds no pictures"):
        prepare(pictures=tmp_path, out=tmp_path / "faces", source="mine")
    with pytest.raises(FaceFolderError, match="lies within"):
        prepare(pictures=pictures, out=pictures / "faces", source="mine")


def test_a_contact_sheet_shows_each_face_clean_and_degraded(pictures: Path) -> None:
    with pytest.raises(FaceFolderError, match=r"broken\.jpg"):
        read_some(pictures, 4)
    images = list(made_up_faces(2))
    sheet = draw(images, PaperDegradation(), 3, seed=1)
    assert sheet.shape == (512, 1024, 3)
    np.testing.assert_array_equal(sheet[256:, :256], images[1])
    assert (sheet[:256, 256:512] != sheet[:256, 512:768]).any()
    np.testing.assert_array_equal(sheet, draw(images, PaperDegradation(), 3, seed=1))


def test_the_contact_sheet_command(face_folder: Path, tmp_path: Path) -> None:
    def command(out: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training", "contact-sheet", "--faces", face_folder, "--out", out, "--rows", "2"],
            capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], check=False,
        )  # fmt: skip

    assert command(tmp_path / "sheet.png").returncode == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (512, 256 * 7, 3)
    failed = command(tmp_path / "none" / "sheet.png")
    assert failed.returncode == 1
    assert "cannot be written" in failed.stderr
