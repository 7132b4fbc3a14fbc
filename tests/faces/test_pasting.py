"""What is pasted, what is left alone, and that no square shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.faces.alignment import crop_matrix, estimate_similarity, region_of, warp_crop
from app.faces.pasting import feathered_mask, match_colour, paste
from tests.vision import blurred, noisy, portrait, portrait_landmarks, show

WHOLE_CROP = (0, 0, 255, 255)


def detail(image: np.ndarray) -> np.ndarray:
    """What is finer than about two pixels, as float32."""
    image = image.astype(np.float32)
    return image - cv2.GaussianBlur(image, (0, 0), 1.0)


def textured(crop: np.ndarray, *, amplitude: float = 12.0, seed: int = 0) -> np.ndarray:
    """The crop with new detail of mean 0, as a restorer would add it."""
    pattern = np.random.default_rng(seed).normal(0, 1, crop.shape[:2]).astype(np.float32)
    pattern = cv2.GaussianBlur(pattern, (0, 0), 2)
    pattern *= amplitude / pattern.std()
    return np.clip(crop + pattern[:, :, None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0, 25, 180])
@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_outside_the_face_every_pixel_is_bit_identical(scale: float, degrees: float) -> None:
    frame, landmarks = show(size=(1000, 800), centre=(500, 400), scale=scale, degrees=degrees)
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)
    image = frame.copy()

    paste(image, 255 - crop, crop, matrix)

    region = region_of(matrix, 1000, 800, box=WHOLE_CROP)
    assert region is not None
    x1, y1, x2, y2 = region
    outside = np.ones(image.shape[:2], bool)
    outside[y1:y2, x1:x2] = False
    assert np.array_equal(image[outside], frame[outside])
    assert not np.array_equal(image, frame)


@pytest.mark.parametrize(("strength", "opacity"), [(0.0, 1.0), (1.0, 0.0)])
def test_without_strength_or_opacity_nothing_is_touched(strength: float, opacity: float) -> None:
    frame, landmarks = show()
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)
    image = frame.copy()
    paste(image, 255 - crop, crop, matrix, strength=strength, opacity=opacity)
    assert np.array_equal(image, frame)


def test_strength_and_opacity_weaken_the_change_in_proportion() -> None:
    frame, landmarks = show(scale=1.4)
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)

    def change(**weights: float) -> np.ndarray:
        image = frame.copy()
        paste(image, textured(crop), crop, matrix, **weights)
        return image.astype(np.float32) - frame

    whole = change()
    assert whole.std() > 1
    for weights in ({"strength": 0.5}, {"opacity": 0.5}, {"strength": 0.7071, "opacity": 0.7071}):
        difference = np.abs(change(**weights) - whole / 2)
        assert np.quantile(difference, 0.999) <= 1  # but where a change ran into black or white


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.7])
def test_a_face_that_the_network_leaves_alone_is_left_alone(scale: float) -> None:
    frame, landmarks = show(size=(1000, 800), centre=(500, 400), scale=scale)
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)
    image = frame.copy()
    paste(image, crop, crop, matrix)
    assert np.array_equal(image, frame)


def test_a_large_sharp_face_stays_sharp() -> None:
    """The crop knows nothing of detail that is finer than its pixels; pasting it must not take that detail away."""
    frame = noisy(np.ascontiguousarray(cv2.resize(portrait(), None, fx=3, fy=3)), np.random.default_rng(0), 6)
    matrix = estimate_similarity(portrait_landmarks() * 3 + 1)
    crop = warp_crop(frame, matrix)
    image = frame.copy()
    paste(image, textured(crop, amplitude=5), crop, matrix)
    mask = cv2.warpAffine(feathered_mask(256)[:, :, 0], matrix, image.shape[1::-1], flags=cv2.WARP_INVERSE_MAP) > 0.9
    assert detail(image)[mask].std() > 0.97 * detail(frame)[mask].std()


def test_a_small_blurred_face_becomes_the_restored_one() -> None:
    """Pasting adds a difference; where the frame holds nothing finer, that must amount to the restored face itself."""
    sharp, landmarks = show(scale=1.6)
    matrix = estimate_similarity(landmarks)
    image = blurred(sharp, 4)
    before = np.abs(image.astype(float) - sharp)
    paste(image, warp_crop(sharp, matrix), warp_crop(image, matrix), matrix)
    mask = cv2.warpAffine(feathered_mask(256)[:, :, 0], matrix, image.shape[1::-1], flags=cv2.WARP_INVERSE_MAP) > 0.99
    after = np.abs(image.astype(float) - sharp)
    assert after[mask].mean() < 0.3 * before[mask].mean()


@pytest.mark.parametrize("side", [96, 128, 512])
def test_a_crop_of_another_side_is_pasted_in_the_same_place(side: int) -> None:
    """The same change, given as a crop of 256 pixels and of another side, shows in the frame as the same change."""
    frame, landmarks = show(size=(800, 700), centre=(400, 350), scale=1.6)
    change = 40 * cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (256, 256, 1)), (0, 0), 20)[:, :, None]
    change *= 12 / np.abs(change).mean()
    pasted = []
    for each in (256, side):
        matrix = crop_matrix(landmarks, side=each)
        crop = warp_crop(frame, matrix, side=each)
        resized = cv2.resize(change, (each, each), interpolation=cv2.INTER_AREA if each < 256 else cv2.INTER_LINEAR)
        image = frame.copy()
        paste(image, np.clip(crop + resized[:, :, None], 0, 255).astype(np.uint8), crop, matrix)
        pasted.append(image.astype(float))
    assert np.abs(pasted[0] - frame).max() > 15
    # A coarser crop blurs the hard edges of the head, where adding to it saturates elsewhere: those few are left out.
    assert np.percentile(np.abs(pasted[1] - pasted[0]).max(axis=2), 99.9) < 6


@pytest.mark.parametrize("side", [64, 256, 512])
def test_the_mask_scales_with_the_crop(side: int) -> None:
    mask, reference = feathered_mask(side)[:, :, 0], feathered_mask(256)[:, :, 0]
    interpolation = cv2.INTER_AREA if side < 256 else cv2.INTER_LINEAR
    assert np.abs(mask - cv2.resize(reference, (side, side), interpolation=interpolation)).max() < 0.02
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()


def test_no_square_and_no_edge_show() -> None:
    mask = feathered_mask(256)[:, :, 0]
    border = np.concatenate((mask[:4].ravel(), mask[-1:].ravel(), mask[:, :8].ravel(), mask[:, -8:].ravel()))
    assert not border.any()
    assert mask[100:200, 100:156].min() == 1
    steps = np.hypot(*np.gradient(mask))
    assert steps.max() < 0.05
    bends = np.abs(np.diff(mask, 2, axis=1))
    assert bends.max() < 0.005  # nothing begins or ends abruptly either


def test_a_tint_of_the_network_is_taken_back() -> None:
    frame, landmarks = show(scale=1.5)
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)
    tinted = np.clip(crop * np.array((1.1, 0.95, 0.9)) + (8, -6, 5), 0, 255).astype(np.uint8)
    image = frame.copy()
    paste(image, tinted, crop, matrix)
    inside = cv2.warpAffine(feathered_mask(256)[:, :, 0], matrix, image.shape[1::-1], flags=cv2.WARP_INVERSE_MAP) > 0.5
    assert np.abs(image[inside].mean(axis=0) - frame[inside].mean(axis=0)).max() < 1.5
    assert np.abs(tinted.astype(float) - crop).mean() > 5 * np.abs(image[inside].astype(float) - frame[inside]).mean()


def test_colour_matching_ignores_noise_and_detail() -> None:
    frame, landmarks = show(scale=1.5)
    crop = warp_crop(frame, estimate_similarity(landmarks))
    restored = textured(crop, amplitude=15)
    rng = np.random.default_rng(5)
    speckled = noisy(crop, rng, 15)
    speckled[rng.random((256, 256)) < 0.01] = 255  # hot pixels
    matched = match_colour(restored, speckled).astype(float)
    assert np.abs(matched - restored).mean() < 3


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_crops_do_not_explode(level: int) -> None:
    flat = np.full((256, 256, 3), level, np.uint8)
    restored = noisy(flat, np.random.default_rng(6), 3)
    assert np.abs(match_colour(restored, flat).astype(int) - level).max() < 20


def test_colour_matching_may_not_repaint_a_face() -> None:
    crop = warp_crop(*[show(scale=1.5)[0], estimate_similarity(show(scale=1.5)[1])])
    dark = (crop * 0.2).astype(np.uint8)
    matched = match_colour(crop, dark)
    assert matched.mean() > crop.mean() - 30


@pytest.mark.parametrize("centre", [(-60.0, 240.0), (320.0, -70.0), (700.0, 540.0), (5.0, 5.0)])
def test_a_face_across_the_border_is_pasted_as_far_as_it_is_there(centre: tuple[float, float]) -> None:
    frame, landmarks = show(centre=centre, scale=1.6)
    matrix = estimate_similarity(landmarks)
    crop = warp_crop(frame, matrix)
    image = frame.copy()
    paste(image, textured(crop), crop, matrix)
    assert image.shape == frame.shape
    assert not np.array_equal(image, frame)


def test_a_face_that_is_nowhere_in_the_frame_changes_nothing() -> None:
    frame, landmarks = show()
    crop = warp_crop(frame, estimate_similarity(landmarks))
    image = frame.copy()
    paste(image, 255 - crop, crop, estimate_similarity(landmarks + np.float32(5000)))
    assert np.array_equal(image, frame)
