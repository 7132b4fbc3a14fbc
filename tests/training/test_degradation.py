from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.data import seeded_pairs
from training.degradation.call import CallDegradation
from training.degradation.hifacegan import BLURS, SUB_TASKS, blur_by, renovation
from training.degradation.kinds import KINDS
from training.degradation.models import PaperDegradation, PaperParameters, WebcamDegradation
from training.degradation.operators import blur, varied_blur

from .conftest import made_up_faces

FIXED = {"downsampling", "mosaic", "none"}
"""The degradations that draw nothing."""


@pytest.mark.parametrize("name", sorted(KINDS.keys() - FIXED))
def test_a_seed_decides_everything(name: str) -> None:
    degrade = KINDS[name]
    image = made_up_faces(1, 128)[0]
    kept = image.copy()
    for seed in range(6):
        first, again = (degrade(image, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert first.dtype == np.uint8
        assert first.shape == image.shape
    np.testing.assert_array_equal(image, kept)
    assert (degrade(image, np.random.default_rng(0)) != degrade(image, np.random.default_rng(5))).any()


def test_the_first_draw_of_seed_zero_is_the_one_the_protocol_means() -> None:
    # numpy's default_rng(0) gives .63696, .26979, .04097 first.
    drawn = PaperDegradation().draw(np.random.default_rng(0))
    assert drawn.blur_sigma == pytest.approx(1 + 14 * 0.6369617)
    assert drawn.ratio == pytest.approx(1 + 11 * 0.2697867)
    assert drawn.noise_sigma == pytest.approx(20 * 0.0409735)


def test_draws_stay_in_the_papers_ranges() -> None:
    drawn = [PaperDegradation().draw(np.random.default_rng(seed)) for seed in range(500)]
    for name, low, high in (
        ("blur_sigma", 1, 15), ("ratio", 1, 12), ("noise_sigma", 0, 20), ("jpeg_quality", 30, 90)
    ):  # fmt: skip
        values = [getattr(each, name) for each in drawn]
        assert low <= min(values) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(values) <= high


def test_strength_orders_from_mild_to_hard() -> None:
    degradation = PaperDegradation()
    mildest = PaperParameters(blur_sigma=1, ratio=1, noise_sigma=0, jpeg_quality=90)
    hardest = PaperParameters(blur_sigma=15, ratio=12, noise_sigma=0, jpeg_quality=90)
    assert degradation.strength(mildest) == 0.0
    assert degradation.strength(hardest) == 1.0


def test_every_stage_of_the_papers_degradation_does_its_part() -> None:
    image = made_up_faces(1)[0]
    gentle = {"blur_sigma": (1.0, 1.0), "ratio": (1.0, 1.0), "noise_sigma": (0.0, 0.0), "jpeg_quality": (90, 90)}
    harsh = {"blur_sigma": (15.0, 15.0), "ratio": (12.0, 12.0), "noise_sigma": (20.0, 20.0), "jpeg_quality": (30, 30)}

    def error(**ranges: tuple[float, float]) -> float:
        bad = PaperDegradation(**(gentle | ranges))(image, np.random.default_rng(0))  # type: ignore[arg-type]
        return float(np.abs(bad.astype(float) - image).mean())

    least = error()
    for name, value in harsh.items():
        assert error(**{name: value}) > least + 0.3, name


def test_no_degradation_shifts_the_colours() -> None:
    image = made_up_faces(1)[0]
    for kind in (PaperDegradation(), WebcamDegradation()):
        shifts = [(kind(image, np.random.default_rng(seed)).astype(float) - image).mean((0, 1)) for seed in range(40)]
        assert np.abs(np.mean(shifts, axis=0)).max() < 1.5


def test_a_webcam_now_and_then_does_nothing() -> None:
    image = made_up_faces(1, 64)[0]
    untouched = [(WebcamDegradation()(image, np.random.default_rng(seed)) == image).all() for seed in range(300)]
    assert 0.06 < np.mean(untouched) < 0.2


def test_the_seed_of_a_test_picture_is_its_index() -> None:
    images = made_up_faces(3)
    degraded, clean = seeded_pairs(images)
    assert degraded.shape == clean.shape == (3, 3, 256, 256)
    expected = PaperDegradation()(images[2], np.random.default_rng(2))
    found = ((degraded[2].flip(0).permute(1, 2, 0) + 1) * 127.5).round().numpy()
    np.testing.assert_array_equal(found, expected)


def test_every_codec_of_a_call_loses_more_at_a_lower_quality() -> None:
    image = made_up_faces(1)[0]
    for codec in range(4):
        only = tuple(float(codec == i) for i in range(4))
        good, bad = (
            CallDegradation(
                side=(256.0, 256.0), blur_sigma=(0.0, 0.0), uneven=0.0, noise_sigma=(0.0, 0.0), motion=0.0,
                quality=(quality, quality), codecs=only,  # type: ignore[arg-type]
            )(image, np.random.default_rng(0))
            for quality in (20, 40)
        )  # fmt: skip
        errors = [np.abs(degraded.astype(float) - image).mean() for degraded in (good, bad)]
        assert 0.0 < errors[0] < 6.0, codec
        assert errors[1] > 1.2 * errors[0], codec


def test_the_optics_of_a_call_are_as_uneven_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sigmas: list[float] = []
    monkeypatch.setattr("training.degradation.call.blur", lambda image, sigma: (sigmas.append(sigma), image)[1])
    uneven = CallDegradation(blur_sigma=(1.0, 1.0), uneven=1.0)
    uneven(made_up_faces(1)[0], np.random.default_rng(0))
    first, second = sigmas
    assert second == pytest.approx(uneven.softer * first)


def test_a_call_leaves_the_face_where_it_was() -> None:
    image = made_up_faces(1)[0]
    for seed in range(4):
        degraded = CallDegradation(noise_sigma=(0.0, 0.0), uneven=0.0)(image, np.random.default_rng(seed))
        shift, _ = cv2.phaseCorrelate(*(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY).astype(float) for i in (image, degraded)))
        assert np.hypot(*shift) < 0.35


def test_another_kernel_blurs_about_as_much() -> None:
    image = made_up_faces(1)[0]
    usual = np.abs(blur(image, 5.0).astype(float) - image).mean()
    for seed in range(20):
        varied = varied_blur(image, 5.0, np.random.default_rng(seed))
        assert 0.4 * usual < np.abs(varied.astype(float) - image).mean() < 1.6 * usual


def test_a_cut_off_kernel_blurs_less() -> None:
    image = made_up_faces(1)[0]
    whole, cut = blur(image, 14.0), blur(image, 14.0, largest=41)
    assert np.abs(cut.astype(float) - image).mean() < np.abs(whole.astype(float) - image).mean()
    np.testing.assert_array_equal(blur(image, 5.0, largest=41), blur(image, 5.0))


def test_down_sampling_and_mosaic_leave_what_they_name() -> None:
    image, rng = made_up_faces(1)[0], np.random.default_rng(0)
    blocks = SUB_TASKS["mosaic"](image, rng)
    assert (blocks.reshape(16, 16, 16, 16, 3).std((1, 3)) == 0).all()
    np.testing.assert_allclose(blocks[::16, ::16], image.reshape(16, 16, 16, 16, 3).mean((1, 3)), atol=1)
    soft = SUB_TASKS["downsampling"](image, rng)
    assert laplacian(soft) < 0.2 * laplacian(image)
    np.testing.assert_allclose(soft.mean((0, 1)), image.mean((0, 1)), atol=1)


@pytest.mark.parametrize("kind", BLURS)
def test_each_of_the_four_blurs_takes_detail_away(kind: str) -> None:
    image = made_up_faces(1)[0]
    softness = [laplacian(blur_by(kind, image, side, angle=0.5)) for side in (5, 21)]
    assert softness[1] < softness[0] < 0.7 * laplacian(image)


def test_an_unknown_blur_is_refused() -> None:
    with pytest.raises(ValueError, match="gaussian, average, median, motion"):
        blur_by("lens", made_up_faces(1, 32)[0], 5)


def test_renovation_superimposes_in_a_random_order() -> None:
    """Noise that comes before a blur is gone; noise that comes last is still there."""
    grey = np.full((128, 128, 3), 128, np.uint8)
    left = [renovation(grey, np.random.default_rng(seed)).std() for seed in range(40)]
    assert min(left) < 2.0
    assert max(left) > 8.0


def laplacian(image: np.ndarray) -> float:
    return float(cv2.Laplacian(image, cv2.CV_32F).std())
