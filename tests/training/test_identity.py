from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.data import to_tensor
from training.metrics.landmarks import LandmarkNetwork
from training.metrics.pictures import identity_distance, landmark_error
from training.networks.identity import TEMPLATE, MobileFaceNet, align

from .test_discriminators import coordinates

Faces = tuple[NDArray[np.uint8], NDArray[np.float32]]


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0.0), (1.7, 0.0), (1.4, 25.0)])
def test_alignment_puts_the_landmarks_on_the_template(scale: float, degrees: float) -> None:
    angle = np.deg2rad(degrees)
    turn = scale * torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).float()
    template = torch.tensor(TEMPLATE)
    landmarks = template @ turn.T + torch.tensor([60.0, 20.0])
    crop = align(coordinates(256), landmarks[None])[0]
    assert crop.shape == (3, 112, 96)
    for (x, y), wanted in zip(TEMPLATE, landmarks, strict=True):
        # Each pixel holds the place in the image that it was taken from.
        left, top = int(x), int(y)
        found = crop[:2, top, left] + turn @ torch.tensor([x - left, y - top])
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_alignment_is_the_least_squares_one_for_a_face_unlike_the_template() -> None:
    landmarks = torch.tensor(TEMPLATE) * 1.5 + 10 + torch.tensor([[4.0, 0], [-4, 0], [0, 0], [0, 3], [0, -3]])
    crop = align(coordinates(256), landmarks[None])[0, :2]
    matrix, *_ = np.linalg.lstsq(_design(np.array(TEMPLATE)), landmarks.numpy().ravel(), rcond=None)
    wanted = _design(np.array([[10.0, 20.0], [90.0, 100.0]])) @ matrix
    found = torch.stack((crop[:, 20, 10], crop[:, 100, 90])).ravel().numpy()
    np.testing.assert_allclose(found, wanted, atol=0.02)


def _design(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of x' = s x - r y + tx and y' = r x + s y + ty in (s, r, tx, ty)."""
    return np.array([row for x, y in points for row in ([x, -y, 1, 0], [y, x, 0, 1])])


def test_a_blurred_face_is_nearer_to_itself_than_to_others(weights: Path, real_faces: Faces) -> None:
    images, landmarks = real_faces
    embedder, points = MobileFaceNet(weights), torch.from_numpy(landmarks)
    y = to_tensor(images)
    soft, blurred = (to_tensor(np.stack([cv2.GaussianBlur(i, (0, 0), s) for i in images])) for s in (1, 3))
    distance = {
        name: float(identity_distance(embedder, x, y, points).mean())
        for name, x in (("same", y), ("soft", soft), ("blurred", blurred))
    }
    with torch.no_grad():
        unit = embedder.embed(y, points)
    others = float((unit - unit.roll(1, 0)).norm(dim=1).mean())
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(len(images)))
    assert distance["same"] < 1e-3
    assert distance["same"] < distance["soft"] < distance["blurred"] < 0.8 * others
    assert 1.1 < others < 1.6  # strangers are about at a right angle


def test_the_68_landmarks_lie_where_the_detector_sees_the_face(weights: Path, real_faces: Faces) -> None:
    images, landmarks = real_faces
    network = LandmarkNetwork(weights)
    points = network(images)
    assert points.shape == (len(images), 68, 2)
    eyes = torch.stack((points[:, 36:42].mean(1), points[:, 42:48].mean(1)), 1)
    assert float((eyes - torch.from_numpy(landmarks[:, :2])).norm(dim=2).mean()) < 5.0
    blurred = network(np.stack([cv2.GaussianBlur(image, (0, 0), 8) for image in images]))
    assert float(landmark_error(points, points).max()) == 0.0
    assert 1.0 < float(landmark_error(blurred, points).mean()) < 40.0
