"""A training folder that travels in parts, and a run that is trained in pieces."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.checkpoint import read_checkpoint
from training.data import FaceFolderError, load_faces
from training.pieces.packed import PackError, pack, unpack
from training.pieces.piece import train_piece
from training.presets import PRESETS
from training.train import Trainer


def test_a_folder_comes_out_of_its_parts_as_it_went_in(face_folder: Path, tmp_path: Path) -> None:
    parts = pack(face_folder, tmp_path / "parts", part_bytes=300_000)
    assert len(parts) > 2
    assert all(part.stat().st_size <= 300_000 for part in parts)
    assert unpack(tmp_path / "parts", tmp_path / "faces") == 8
    for before, after in zip(load_faces(face_folder), load_faces(tmp_path / "faces"), strict=True):
        np.testing.assert_array_equal(before.images, after.images)
        np.testing.assert_array_equal(before.landmarks, after.landmarks)
    contents = [part.read_bytes() for part in parts]
    assert [part.read_bytes() for part in pack(face_folder, tmp_path / "parts", part_bytes=300_000)] == contents


def test_a_part_that_is_missing_or_damaged_is_named(face_folder: Path, tmp_path: Path) -> None:
    parts = pack(face_folder, tmp_path / "parts", part_bytes=300_000)
    content = parts[1].read_bytes()
    parts[1].write_bytes(content[:-1] + b"?")
    with pytest.raises(PackError, match=r"faces\.001 is damaged"):
        unpack(tmp_path / "parts", tmp_path / "faces")
    parts[1].unlink()
    with pytest.raises(PackError, match=r"faces\.001 is missing"):
        unpack(tmp_path / "parts", tmp_path / "faces")
    with pytest.raises(PackError, match=r"parts\.json"):
        unpack(tmp_path, tmp_path / "faces")


def test_what_is_no_training_folder_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(FaceFolderError, match="prepare"):
        pack(tmp_path, tmp_path / "parts", 1000)
    (tmp_path / "landmarks.csv").write_text("file,source\nnone.png,mine\n")
    with pytest.raises(FaceFolderError, match=r"none\.png"):
        pack(tmp_path, tmp_path / "parts", 1000)


def test_a_run_goes_on_where_the_last_piece_stopped(
    face_folder: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.methods.base.bfloat16_pays", lambda *_: False)
    stage = replace(PRESETS["cfrnet-d"].stages[0], batch=2, crop=32, perceptual_window=32)
    preset = replace(PRESETS["cfrnet-d"], stages=(stage,), validation_cycles=1)
    pack(face_folder, tmp_path / "parts", part_bytes=1_000_000)

    def piece(minutes: float, seconds: float) -> tuple[bool, int, float]:
        complete = train_piece(
            preset, parts=tmp_path / "parts", weights=weights, out=tmp_path / "run", minutes=minutes, seconds=seconds,
            device=torch.device("cpu"),
        )  # fmt: skip
        state = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
        return complete, state["steps"], state["elapsed"]

    complete, steps, elapsed = piece(0.01, 600.0)
    assert complete
    assert steps > 0
    assert piece(60.0, 0.0) == (False, steps, elapsed)  # of a longer run: taken up, and no time for a step

    take_step = Trainer.step

    def interrupted_step(trainer: Trainer, *given: Any) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return take_step(trainer, *given)

    monkeypatch.setattr(Trainer, "step", interrupted_step)
    complete, later, _ = piece(60.0, 600.0)
    assert (complete, later) == (False, steps + 1)

    def last_step(trainer: Trainer, *given: Any) -> dict[str, float]:
        trainer.elapsed = 3600.0
        return interrupted_step(trainer, *given)

    monkeypatch.setattr(Trainer, "step", last_step)
    assert not piece(60.0, 600.0)[0], "it was stopped before its last evaluation"
    assert piece(60.0, 600.0)[0]
