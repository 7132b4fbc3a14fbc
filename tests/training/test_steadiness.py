"""Measures of steadiness: what each of them calls steady, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.__main__ import main
from training.degradation.call_video import degrade_video, draw_call
from training.evaluation.pages.results import steadiness_lines
from training.metrics.steadiness import TruthMotion, landmark_speed_error, sharpness

SIDE = 256


@pytest.fixture
def walk() -> NDArray[np.uint8]:
    """uint8 (6, 256, 256, 3): a texture that moves two pixels to the right in every frame."""
    noise = np.random.default_rng(0).normal(0, 1, (SIDE, SIDE + 20, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 4)
    texture = np.clip(128 + 40 * texture / texture.std(), 0, 255).astype(np.uint8)
    return np.stack([texture[:, 12 - 2 * i : 12 - 2 * i + SIDE] for i in range(6)])


def test_motion_of_the_truth_is_no_warping_error_but_noise_is(walk: NDArray[np.uint8]) -> None:
    motion = TruthMotion(walk)
    still = np.repeat(walk[:1], len(walk), axis=0)
    noise = np.random.default_rng(1).normal(0, 6, walk.shape)
    noisy = np.clip(walk + noise, 0, 255).astype(np.uint8)
    assert motion.warping_error(walk) < 1.0
    assert motion.warping_error(noisy) > 4.0
    assert motion.warping_error(still) > 3.0  # what stands where the truth moves is an error as well


def test_half_a_pixel_of_motion_is_no_warping_error_at_the_rim_either(walk: NDArray[np.uint8]) -> None:
    wide = walk[0]
    matrices = [np.array(((1, 0, 0.5 * i), (0, 1, 0.4 * i)), np.float32) for i in range(6)]
    moving = np.stack([cv2.warpAffine(wide, m, (SIDE, SIDE), flags=cv2.INTER_CUBIC)[8:-8, 8:-8] for m in matrices])
    assert TruthMotion(moving).warping_error(moving) < 0.45  # 0.51 with what lies outside taken for black


def test_landmarks_that_move_as_the_truth_does_have_no_speed_error() -> None:
    truth = torch.rand(5, 68, 2) * 4 + torch.arange(5).view(5, 1, 1)
    truth[:, 36], truth[:, 45] = torch.tensor((80.0, 100.0)), torch.tensor((180.0, 100.0))
    elsewhere = truth + torch.tensor((7.0, -3.0))
    assert landmark_speed_error(elsewhere, truth) == pytest.approx(0, abs=1e-4)
    shaking = truth + torch.tensor((1.0, 0.0)) * (torch.arange(5) % 2).view(5, 1, 1)
    assert landmark_speed_error(shaking, truth) == pytest.approx(1.0, rel=1e-3)  # one pixel of a hundred


def test_blur_is_less_sharp_and_noise_more(walk: NDArray[np.uint8]) -> None:
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 5) for frame in walk])
    noisy = np.clip(walk + np.random.default_rng(0).normal(0, 9, walk.shape), 0, 255).astype(np.uint8)
    assert sharpness(walk, walk) == pytest.approx(100)
    assert sharpness(soft, walk) < 80
    assert sharpness(noisy, walk) > 110


def test_a_call_makes_the_video_small_and_repeatable(walk: NDArray[np.uint8]) -> None:
    def received(seed: int) -> list[NDArray[np.uint8]]:
        rng = np.random.default_rng(seed)
        return degrade_video(walk, draw_call(200.0, rng), rng)

    first, again, other = received(0), received(0), received(1)
    assert len(first) == len(walk)
    assert all(side % 2 == 0 and side < SIDE for side in first[0].shape[:2])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape != other[0].shape or not np.array_equal(first[0], other[0])


def test_the_tables_name_every_variant() -> None:
    row = {"psnr": 28.5, "lpips_alex": 0.15, "sharpness": 118.0, "warping": 2.1, "landmark_speed": 0.7, "flicker": 0.3}
    document = {
        "date": "2026-01-01", "model": "ab" * 32, "clips": 10,
        "calls": {"input": row, "k = 3, steady": {**row, "cycles": 1.5}},
        "videos": {"a.mp4": {"input": 0.4, "k = 3, steady": 0.2}},
    }  # fmt: skip
    page = "\n".join(steadiness_lines(json.loads(json.dumps(document))))
    assert "| input | 28.50 | 0.150 | 118.0 | 2.10 | 0.70 | 0.30 | - |" in page
    assert "| k = 3, steady | 28.50 | 0.150 | 118.0 | 2.10 | 0.70 | 0.30 | 1.50 |" in page
    assert "| a.mp4 | 0.40 | 0.20 |" in page
    assert "not comparable" in page  # flicker of tracked crops with that of crops held still
    assert "constants of steadiness were chosen on these videos" in page


def test_missing_videos_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["steadiness", "--data", str(tmp_path), "--weights", str(tmp_path), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [])
    assert main(arguments) == 1
    assert "video_sharp holds no videos" in capsys.readouterr().err
