"""Results larger than what was given: sharper faces, nearer to the truth, in a frame that is only enlarged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.settings import Settings
from app.core.types import Image, Restored
from app.faces.alignment import crop_matrix, enlarged_matrix, invert, region_of, transform
from app.faces.pasting import feathered_mask
from app.faces.still_detector import StillDetector
from app.faces.tracker import FaceTracker
from app.media.pictures.enlarge import enlarge
from app.pipeline.enlarging import at_scale
from app.pipeline.process import FramePipeline
from tests.vision import blurred, detector, frame_of, noisy, restorer, show

_WHOLE = (0.0, 0.0, 255.0, 255.0)


def restored(image: Image, scale: int, *, k: int = 3) -> Restored:
    tracker = FaceTracker(StillDetector(detector()))
    return at_scale(FramePipeline(tracker, restorer()).process(frame_of(image), Settings(k=k)), scale)


def reduced(image: Image, times: int) -> Image:
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // times, height // times), interpolation=cv2.INTER_AREA)
    return noisy(blurred(small, 0.8), np.random.default_rng(0), 2)


def inside(result: Restored) -> tuple[slice, slice]:
    x1, y1, x2, y2 = (max(int(value), 0) for value in result.faces[0].face.box)
    return slice(y1, y2), slice(x1, x2)


def sharpness(image: Image) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, -1)).mean())


def test_at_scale_1_nothing_is_different() -> None:
    image = blurred(show()[0])
    plain = FramePipeline(FaceTracker(detector()), restorer()).process(frame_of(image), Settings())
    assert at_scale(plain, 1) is plain
    assert plain.frame.image is image


@pytest.mark.parametrize("scale", [2, 4])
def test_outside_the_face_the_picture_is_only_enlarged(scale: int) -> None:
    image = blurred(show(size=(480, 360), centre=(200, 170), scale=0.6)[0], 1)
    result = restored(image, scale)
    assert result.image.shape == (360 * scale, 480 * scale, 3)
    expected = enlarge(image, scale)
    assert np.array_equal(result.frame.image, expected)
    matrix = crop_matrix(result.faces[0].face.landmarks, side=256)
    region = region_of(matrix, 480 * scale, 360 * scale, box=_WHOLE, margin=2)
    assert region is not None
    x1, y1, x2, y2 = region
    change = np.abs(result.image.astype(int) - expected).max(axis=2)
    assert change[y1:y2, x1:x2].max() > 20
    change[y1:y2, x1:x2] = 0
    assert change.max() == 0


@pytest.mark.parametrize(("size", "scale"), [(0.22, 4), (0.25, 4), (0.5, 2)])
def test_neither_a_seam_nor_an_oval_shows(size: float, scale: int) -> None:
    """From the rim of what is pasted inwards the change begins gently, however small the face is."""
    image = reduced(show(size=(960, 720), centre=(480, 360), scale=3 * size)[0], 3)
    result = restored(image, scale)
    matrix = crop_matrix(result.faces[0].face.landmarks, side=256)
    height, width = result.image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    place = transform(np.stack((x.ravel(), y.ravel()), 1), matrix)
    mask = cv2.remap(feathered_mask(256)[:, :, 0], place.reshape(height, width, 2), None, cv2.INTER_LINEAR)
    change = np.abs(result.image.astype(float) - result.frame.image).mean(axis=2)
    rim, middle = change[(mask > 0) & (mask < 0.05)], change[mask > 0.99]
    assert middle.mean() > 2
    assert rim.mean() < 0.25 * middle.mean()
    assert np.percentile(rim, 99) < 6


def test_a_small_face_keeps_what_the_network_gave_it() -> None:
    """Sharper than the result at its own size that is enlarged afterwards, and not sharper than the truth."""
    truth, _ = show(size=(1280, 960), centre=(640, 480), scale=1.0)
    small = reduced(truth, 4)
    result, own_size = restored(small, 4), restored(small, 1)
    face = inside(result)
    afterwards = enlarge(own_size.image, 4)
    assert 1.3 * sharpness(afterwards[face]) < sharpness(result.image[face]) < 1.1 * sharpness(truth[face])


def test_a_face_of_80_pixels_looks_nearer_to_a_large_photograph(data_folder: Path) -> None:
    """Twice as large, by LPIPS: what is sharper lies a little farther away in squares."""
    torch = pytest.importorskip("torch")
    from training.losses.perceptual import LPIPS

    lpips = LPIPS("alexnet", data_folder / "weights")
    for number in range(3):
        photograph = cv2.imread(str(data_folder / f"data/test/ffhq300/ffhq_{number:05}.jpg"))
        assert photograph is not None
        truth = cv2.copyMakeBorder(photograph, 60, 60, 60, 60, cv2.BORDER_REFLECT)
        small = reduced(np.asarray(truth, np.uint8), 2)
        result, own_size = restored(small, 2), restored(small, 1)
        face = inside(result)
        afterwards = enlarge(own_size.image, 2)
        batch = torch.from_numpy(
            np.stack([image[face][:, :, ::-1] / 127.5 - 1 for image in (result.image, afterwards, truth)])
        )
        batch = batch.permute(0, 3, 1, 2).float()
        apart = lpips(batch[:2], batch[2:].expand(2, -1, -1, -1))
        assert float(apart[0]) < 0.9 * float(apart[1])


def test_a_crop_is_cut_from_the_same_place_at_every_scale() -> None:
    _, landmarks = show(centre=(300, 200), degrees=20)
    matrix = crop_matrix(landmarks, side=256)
    corner = np.array([[0, 0], [255, 255]], np.float32)
    for scale in (2, 4):
        place = transform(corner, invert(enlarged_matrix(matrix, scale)))
        assert np.allclose(place, (transform(corner, invert(matrix)) + 0.5) * scale - 0.5, atol=1e-2)
