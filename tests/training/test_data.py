from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from app.faces.alignment import FFHQ_TEMPLATE
from training.data import FACE_SIZE, Batch, FaceFolderError, FaceSet, batches, flip, load_faces, to_images, to_tensor
from training.degradation.mixture import TrainingDegradation

from .conftest import made_up_faces


def test_a_flipped_face_has_its_left_eye_on_the_left() -> None:
    landmarks = np.array([[90, 118], [155, 121], [120, 160], [99, 180], [150, 188]], np.float32)
    image = np.zeros((256, 256, 3), np.uint8)
    for i, (x, y) in enumerate(landmarks.astype(int)):
        image[y, x] = 10 * (i + 1)
    mirrored, moved = flip(image, landmarks)
    # Each point of the mirrored face lies on what was the other side's mark.
    marks = [int(mirrored[int(y), int(x), 0]) // 10 - 1 for x, y in moved]
    assert marks == [1, 0, 2, 4, 3]
    assert moved[0, 0] < moved[1, 0]
    assert moved[3, 0] < moved[4, 0]
    back, returned = flip(mirrored, moved)
    np.testing.assert_array_equal(back, image)
    np.testing.assert_array_equal(returned, landmarks)


def test_tensors_and_pictures_are_each_others_inverse() -> None:
    images = made_up_faces(2, 32)
    tensor = to_tensor(images)
    assert tensor.shape == (2, 3, 32, 32)
    assert float(tensor.min()) >= -1.0
    assert float(tensor.max()) <= 1.0
    assert float(tensor[0, 0, 5, 7]) == pytest.approx(images[0, 5, 7, 2] / 127.5 - 1)  # red is the last of BGR
    np.testing.assert_array_equal(to_images(tensor), images)


def test_the_validation_split_is_fixed_and_holds_photographs(face_folder: Path) -> None:
    training, validation = load_faces(face_folder)
    assert (len(training), len(validation)) == (5, 3)
    again, _ = load_faces(face_folder)
    np.testing.assert_array_equal(training.images, again.images)
    photographs = np.stack([cv2.imread(str(face_folder / f"{i}.png")) for i in range(3)])
    np.testing.assert_array_equal(validation.images, photographs)
    np.testing.assert_allclose(training.landmarks[0], FFHQ_TEMPLATE, atol=0.06)


def test_batches_keep_crops_and_landmarks_together() -> None:
    # Every pixel tells where it is, so a crop shows its corner, and the degraded one is of the same place.
    y, x = np.mgrid[:FACE_SIZE, :FACE_SIZE]
    image = np.stack((x, y, np.full_like(x, 128)), axis=-1).astype(np.uint8)
    faces = FaceSet(np.stack([image] * 4), np.stack([FFHQ_TEMPLATE] * 4), np.ones(4))

    def source(seed: int) -> Iterator[Batch]:
        return batches(faces, batch=4, crop=128, seed=seed, degrade=TrainingDegradation(), device=torch.device("cpu"))

    batch = next(source(3))
    assert batch.degraded.shape == batch.clean.shape == (4, 3, 128, 128)
    crops = to_images(batch.clean)
    for crop, landmarks, bad in zip(crops, batch.landmarks.numpy(), to_images(batch.degraded), strict=True):
        mirrored = crop[0, 0, 0] > crop[0, -1, 0]
        place = FFHQ_TEMPLATE if not mirrored else flip(image, FFHQ_TEMPLATE)[1]
        left = 255 - int(crop[0, 0, 0]) if mirrored else int(crop[0, 0, 0])
        np.testing.assert_allclose(landmarks, place - [left, int(crop[0, 0, 1])], atol=1e-3)
        assert np.abs(bad.astype(float) - crop).mean() < 40
    assert torch.isfinite(batch.degraded).all()
    again = next(source(3))
    torch.testing.assert_close(again.degraded, batch.degraded)
    other = next(source(4))
    assert not torch.equal(other.degraded, batch.degraded)


def test_a_folder_that_cannot_be_trained_on_says_why(tmp_path: Path, face_folder: Path) -> None:
    with pytest.raises(FaceFolderError, match=r"training prepare"):
        load_faces(tmp_path)
    table = (face_folder / "landmarks.csv").read_text().splitlines()
    (tmp_path / "landmarks.csv").write_text(table[0] + "\n")
    with pytest.raises(FaceFolderError, match="no face"):
        load_faces(tmp_path)
    (tmp_path / "landmarks.csv").write_text("\n".join(table[:2]) + "\n")
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((128, 128, 3), np.uint8))
    with pytest.raises(FaceFolderError, match=r"0\.png.*256x256"):
        load_faces(tmp_path)


def test_generated_faces_are_drawn_less_often_than_photographs(tmp_path: Path, face_folder: Path) -> None:
    with (face_folder / "landmarks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, source in zip(rows[3:6], ("hmd_generated", "celebahq_train1000", "elsewhere"), strict=True):
        row["source"] = source
    with (tmp_path / "landmarks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        (tmp_path / row["file"]).symlink_to(face_folder / row["file"])
    training, validation = load_faces(tmp_path)
    assert sorted(set(training.weights) | set(validation.weights)) == [0.3, 1.0, 2.0, 4.0]


def test_a_file_says_which_sources_weigh_more_and_which_judge(face_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text('[weights]\nother = 7.0\n[validation]\nsources = ["ffhq256_real"]\n')
    training, validation = load_faces(face_folder, tmp_path / "sources.toml")
    assert set(training.weights) == {7.0}
    assert set(validation.weights) == {1.0}
