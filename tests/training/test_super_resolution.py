"""PFSRNet's own table, over an untrained network and two small sets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.__main__ import main
from training.checkpoint import save_checkpoint
from training.data import to_images
from training.evaluation import super_resolution
from training.evaluation.test_sets import find_evaluation_data
from training.networks import build_generator

from .conftest import made_up_faces


@pytest.fixture
def data(tmp_path: Path) -> Path:
    places = find_evaluation_data(tmp_path / "data").faces
    for role in super_resolution.ROLES:
        folder = places[role].folder
        folder.mkdir(parents=True)
        for i, image in enumerate(made_up_faces(2)):
            cv2.imwrite(str(folder / f"{i}.png"), image)
    return tmp_path / "data"


def test_the_task_is_made_of_eight_bit_pictures_by_halves() -> None:
    faces = made_up_faces(1)
    given, wanted = super_resolution.task(faces)
    assert (given.shape, wanted.shape) == ((1, 3, 16, 16), (1, 3, 128, 128))
    half = cv2.resize(faces[0], (128, 128), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(to_images(wanted)[0].astype(int) - half).max() <= 1
    torch.testing.assert_close((given + 1) * 127.5, ((given + 1) * 127.5).round(), atol=1e-3, rtol=0)


def test_the_table_holds_every_precision_of_both_sets(
    data: Path, face_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"network": "pfsrnet", "ema": build_generator("pfsrnet").state_dict(), "elapsed": 60.0, "steps": 3}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    options = (tmp_path / "checkpoint.pt", "--faces", face_folder, "--data", data, "--out", tmp_path / "page.md")
    command = ["super-resolution", *map(str, options)]
    monkeypatch.setattr("sys.argv", [])
    assert main(command) == 0
    lines = (tmp_path / "page.md").read_text().splitlines()
    first = find_evaluation_data(data).faces["protocol"].name
    rows = {tuple(cell.strip() for cell in line.split("|")[1:6]) for line in lines if line.startswith(f"| {first}")}
    figures = {row[2]: float(row[3]) for row in rows}
    assert set(figures) == {"bicubic", "FP32", "FP16", *super_resolution.INT8}
    assert figures["bicubic"] > figures["FP32"]  # it is untrained
    assert abs(figures["FP16"] - figures["FP32"]) < 0.1
    for name in super_resolution.INT8:
        assert abs(figures[name] - figures["FP32"]) < 1.0
    assert sum("INT8 costs" in line for line in lines) == 2
    save_checkpoint(tmp_path / "checkpoint.pt", state | {"network": "cfrnet"})
    assert main(command) == 1
