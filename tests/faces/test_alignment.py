"""The similarity transform and the crop that is cut with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.faces.alignment import (
    FFHQ_TEMPLATE,
    crop_matrix,
    estimate_similarity,
    invert,
    misfit,
    region_of,
    scale_of,
    transform,
    warp_crop,
)


def similarity(*, scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, scale)
    matrix[:, 2] = shift
    return matrix.astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, -135])
@pytest.mark.parametrize("scale", [0.05, 1.0, 7.5])
def test_a_similarity_is_found_again_exactly(degrees: float, scale: float) -> None:
    crop_to_frame = similarity(scale=scale, degrees=degrees, shift=(5000.0, 123.4))
    landmarks = transform(FFHQ_TEMPLATE, crop_to_frame)

    matrix = estimate_similarity(landmarks)

    assert np.abs(transform(landmarks, matrix) - FFHQ_TEMPLATE).max() < 0.05
    assert scale_of(matrix) == pytest.approx(1 / scale, rel=1e-4)


def test_noisy_landmarks_get_the_least_squares_solution() -> None:
    rng = np.random.default_rng(1)
    landmarks = transform(FFHQ_TEMPLATE, similarity(scale=1.7, degrees=25, shift=(300, 200)))
    landmarks = landmarks + rng.normal(0, 6, landmarks.shape).astype(np.float32)
    x, y = landmarks.T.astype(np.float64)
    zero, one = np.zeros(5), np.ones(5)
    # crop = (a x - b y + c, b x + a y + d), solved by a general least-squares routine
    system = np.concatenate((np.stack((x, -y, one, zero), axis=1), np.stack((y, x, zero, one), axis=1)))
    (a, b, c, d), *_ = np.linalg.lstsq(system, FFHQ_TEMPLATE.T.ravel().astype(np.float64), rcond=None)

    assert estimate_similarity(landmarks) == pytest.approx(np.array(((a, -b, c), (b, a, d))), abs=2e-3)


def test_a_mirrored_face_is_never_mirrored_back() -> None:
    mirrored = FFHQ_TEMPLATE * (-1, 1) + (400, 0)
    matrix = estimate_similarity(mirrored.astype(np.float32))
    assert np.linalg.det(matrix[:, :2]) > 0
    assert misfit(mirrored.astype(np.float32), matrix) > 10


@pytest.mark.parametrize("landmarks", [np.full((5, 2), 40, np.float32), np.full((5, 2), np.nan, np.float32)])
def test_landmarks_that_are_no_face_are_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(ValueError, match="coincide"):
        estimate_similarity(landmarks)


def test_an_aligned_crop_comes_out_untouched() -> None:
    image = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    assert np.array_equal(warp_crop(image, estimate_similarity(FFHQ_TEMPLATE)), image)


@pytest.mark.parametrize(("side", "factor"), [(128, 0.5), (512, 2.0), (96, 0.375)])
def test_a_crop_of_another_side_shows_the_same_square(side: int, factor: float) -> None:
    landmarks = transform(FFHQ_TEMPLATE, similarity(scale=1.4, degrees=20, shift=(150, 90)))
    usual, other = crop_matrix(landmarks, side=256), crop_matrix(landmarks, side=side)
    assert np.array_equal(usual, estimate_similarity(landmarks))
    for corner in (-0.5, 255.5):  # the outer edges of the first and the last pixel
        place = transform(np.array([(corner, corner)], np.float32), invert(usual))
        expected = (corner + 0.5) * factor - 0.5
        assert np.abs(transform(place, other) - expected).max() < 1e-2
    image = cv2.GaussianBlur(np.random.default_rng(4).integers(0, 256, (600, 600, 3), dtype=np.uint8), (0, 0), 8)
    crop = warp_crop(image, other, side=side)
    assert crop.shape == (side, side, 3)
    reference = cv2.resize(warp_crop(image, usual), (side, side), interpolation=cv2.INTER_AREA if factor < 1 else 1)
    assert np.abs(crop.astype(float) - reference).mean() < 1.0


@pytest.mark.parametrize("scale", [0.2, 0.37, 0.5, 0.9, 1.0, 2.6])
@pytest.mark.parametrize("degrees", [0, 30, -75])
def test_every_crop_pixel_shows_its_place_in_the_frame(scale: float, degrees: float) -> None:
    """On a ramp a pixel's colour is its coordinate, so any shift of the grid would show as a bias."""
    centre = np.array((1000.0, 1000.0))
    matrix = similarity(scale=scale, degrees=degrees, shift=(0, 0))
    matrix[:, 2] = (127.5, 127.5) - matrix[:, :2] @ centre
    half = 200 / scale
    rows, columns = np.mgrid[:2000, :2000].astype(np.float32)
    ramp = np.stack([(grid - 1000) / half * 100 + 128 for grid in (columns, rows, rows)], axis=2)
    image = np.clip(ramp, 0, 255).round().astype(np.uint8)

    crop = warp_crop(image, matrix).astype(np.float32)

    crop_rows, crop_columns = np.mgrid[:256, :256].astype(np.float32)
    places = transform(np.stack((crop_columns, crop_rows), axis=2).reshape(-1, 2), invert(matrix)).reshape(256, 256, 2)
    expected = np.clip((places - 1000) / half * 100 + 128, 0, 255)
    inner = np.s_[8:-8, 8:-8]
    error = crop[inner][:, :, :2] - expected[inner]
    assert np.abs(error).max() < 2.0
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3  # halves are rounded up


@pytest.mark.parametrize(("scale", "left"), [(0.19, 25), (0.34, 10), (0.6, 35)])
def test_a_large_face_is_averaged_not_sampled(scale: float, left: float) -> None:
    """Stripes finer than a crop pixel must turn grey; interpolation alone makes coarse bands of them."""
    image = np.zeros((1400, 1400, 3), np.uint8)
    image[:, ::2] = 255
    matrix = similarity(scale=scale, degrees=0, shift=(0, 0))

    plain = cv2.warpAffine(image, matrix, (256, 256), flags=cv2.INTER_LINEAR)

    assert plain[:, 4:-4].std() > 40
    assert warp_crop(image, matrix)[:, 4:-4].std() < left


def test_beyond_the_border_the_picture_is_mirrored() -> None:
    image = np.random.default_rng(3).integers(60, 200, (300, 300, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    matrix = similarity(scale=1.0, degrees=0, shift=(100, 0))  # the crop's left 100 columns lie outside

    crop = warp_crop(image, matrix)

    assert np.array_equal(crop[:, 100:], image[:256, :156])
    assert np.abs(crop[:, 80:100].astype(int) - crop[:, 101:121][:, ::-1]).max() <= 1


def test_a_face_outside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        warp_crop(np.zeros((50, 50, 3), np.uint8), similarity(scale=1.0, degrees=0, shift=(900, 0)))


def test_a_region_is_clipped_to_the_frame() -> None:
    matrix = similarity(scale=1.0, degrees=0, shift=(20, 30))  # crop (20, 30) is the frame's corner
    assert region_of(matrix, 100, 90, box=(0, 0, 255, 255)) == (0, 0, 100, 90)
    assert region_of(matrix, 1000, 900, box=(30, 40, 50, 60)) == (10, 10, 31, 31)
    assert region_of(matrix, 100, 90, box=(0, 0, 10, 10)) is None
