"""Families as the application uses them: input, output and meaning, over small networks of the stated layout."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import InferenceError, ModelMissingError
from app.core.settings import Settings
from app.faces.alignment import estimate_similarity, warp_crop
from app.faces.tracker import FaceTracker
from app.pipeline.process import FramePipeline
from app.restorers import families
from app.restorers.families import family, family_names
from app.restorers.families.pfsrnet import reduce
from app.restorers.family import ImageTensor, Restorer
from app.restorers.providers import provider_called
from tests.restorers.networks import enlarge, entry, network, scale_and_shift, store_of
from tests.vision import blurred, detector, frame_of, portrait, portrait_landmarks, show

ROOT = Path(__file__).resolve().parents[2]


def crop() -> np.ndarray:
    """A slightly blurred face, uint8 (256, 256, 3) BGR."""
    return blurred(warp_crop(portrait(), estimate_similarity(portrait_landmarks())), 1.0)


def restorer_of(name: str, folder: Path, *, factor: float = 1.0) -> Restorer:
    """A restorer of the family `name` over a network that multiplies by `factor`, or for PFSRNet enlarges."""
    its = family(name)
    takes, gives = its.takes.side, its.gives.side
    operations = scale_and_shift(factor) if takes == gives else enlarge(gives // takes)
    content = network(operations, takes=takes, gives=gives)
    return store_of(folder, (entry(its, content, name=name), content)).create_restorer(name)


def test_the_families_are_the_modules_there_are() -> None:
    assert set(family_names()) >= {"cfrnet", "cfrnet-d", "hifacegan", "pfsrnet"}
    for name in family_names():
        its = family(name)
        assert its.name == name
        assert its.template == "ffhq"
        assert re.match(r"arXiv \d{4}\.\d{5}$", its.paper)
        assert its.licence
        assert its.fixed_point == bool(its.presets)
        assert its.fixed_point or its.default_k == 1
        assert its.fixed_point or its.weakness
    with pytest.raises(KeyError, match="cfrnet"):
        family("os")


def test_only_its_own_module_knows_a_network() -> None:
    """The names of networks stand in the families, in `training` and in data; the product's own name is no network."""
    named = re.compile(r"(?i)cfrnet-(rt|d)\b|[\"']cfrnet[\"']|hifacegan|pfsrnet")
    for path in sorted((ROOT / "app").rglob("*.py")):
        if path.parent.name != "families":
            found = [line for line in path.read_text(encoding="utf-8").splitlines() if named.search(line)]
            assert not found, (path, found)


@pytest.mark.parametrize("name", ["cfrnet", "cfrnet-d", "hifacegan", "pfsrnet"])
def test_a_crop_comes_back_in_its_own_shape_and_colours(name: str, tmp_path: Path) -> None:
    under_test = restorer_of(name, tmp_path)
    coloured = np.zeros((256, 256, 3), np.uint8)
    coloured[:] = (10, 100, 240)
    low, high = under_test.k_range
    for k in range(low, high + 1):
        restored = under_test.restore(coloured, k=k)
        assert restored.image.dtype == np.uint8
        assert np.array_equal(restored.image, coloured)
        assert restored.cycles == len(restored.steps) == len(restored.cycles_ms) == k
        assert restored.steps == pytest.approx((0.0,) * k, abs=1e-6)
    for k in (low - 1, high + 1):
        with pytest.raises(InferenceError, match=str(k)):
            under_test.restore(coloured, k=k)


@pytest.mark.parametrize("name", ["cfrnet", "hifacegan"])
def test_the_steps_are_the_drift_of_each_pass_on_the_scale_from_minus_one_to_one(name: str, tmp_path: Path) -> None:
    under_test = restorer_of(name, tmp_path, factor=0.5)
    white = np.full((256, 256, 3), 255, np.uint8)
    restored = under_test.restore(white, k=3)
    assert restored.steps == pytest.approx((0.5, 0.25, 0.125), abs=1e-4)
    assert abs(float(restored.image.mean()) - 127.5 * 1.125) < 1


def test_a_network_knows_red_from_blue(tmp_path: Path) -> None:
    """The first channel that it sees is red, the last of an OpenCV image."""
    its = family("hifacegan")
    content = network(scale_and_shift(1.0, (0.5, 0.0, 0.0)), takes=256, gives=256)
    under_test = store_of(tmp_path, (entry(its, content, name="redder"), content)).create_restorer("redder")
    grey = np.full((256, 256, 3), 100, np.uint8)
    assert under_test.restore(grey, k=1).image[0, 0].tolist() == [100, 100, 164]


def test_pfsrnet_sees_sixteen_pixels_and_nothing_else(tmp_path: Path) -> None:
    under_test = restorer_of("pfsrnet", tmp_path)
    face = crop()
    small = reduce(face)
    assert small.shape == (16, 16, 3)
    means = face.reshape(16, 16, 16, 16, 3).mean(axis=(1, 3))
    assert np.abs(small - means).max() < 1e-3
    restored = under_test.restore(face, k=1)
    enlarged = cv2.resize(
        np.repeat(np.repeat(np.rint(small).astype(np.uint8), 8, 0), 8, 1), (256, 256), interpolation=cv2.INTER_LINEAR
    )
    assert np.array_equal(restored.image, enlarged)
    assert restored.steps[0] == pytest.approx(float(np.abs(enlarged.astype(float) - face).mean()) / 127.5, rel=1e-3)


@pytest.mark.parametrize("name", ["cfrnet", "pfsrnet"])
def test_a_file_of_another_layout_is_refused_by_name(name: str, tmp_path: Path) -> None:
    its = family(name)
    content = network(scale_and_shift(1.0), takes=64, gives=64)
    store = store_of(tmp_path, (entry(its, content, name=name), content))
    with pytest.raises(InferenceError, match=rf"{name}\.fp32\.onnx: it takes .*64, 64.*{its.takes.side}"):
        store.create_restorer(name)


@pytest.mark.parametrize("name", ["hifacegan", "pfsrnet"])
def test_values_that_are_no_numbers_are_an_error(name: str, tmp_path: Path) -> None:
    its = family(name)
    takes, gives = its.takes.side, its.gives.side
    content = network(enlarge(gives // takes, factor=float("inf")), takes=takes, gives=gives)
    under_test = store_of(tmp_path, (entry(its, content, name=name), content)).create_restorer(name)
    with pytest.raises(InferenceError, match="no numbers"):
        under_test.restore(crop(), k=1)


def test_the_precision_defaults_to_the_fastest_that_ships(tmp_path: Path) -> None:
    its = family("hifacegan")
    models = []
    for precision, factor in (("fp32", 1.0), ("fp16", 0.5)):
        content = network(scale_and_shift(factor), takes=256, gives=256)
        models.append((entry(its, content, name="two", precision=precision), content))
    store = store_of(tmp_path, *models)
    assert store.restorer().precisions == ("fp16", "fp32")
    assert store.create_restorer().engine.precision == "fp32"  # a processor computes FP16 as FP32, with conversions
    assert store.entry("", "auto", order=provider_called("cuda").precisions).precision == "fp16"
    assert store.create_restorer("two", "fp16").engine.precision == "fp16"
    with pytest.raises(ModelMissingError, match=r"two does not ship in INT8. Choose another precision: FP16, FP32."):
        store.create_restorer("two", "int8")


DUMMY = '''
"""A family that a test adds: it takes 64 pixels of the range 0 to 1 in BGR, and answers with the negative."""

from app.restorers.cycles import CropToCropRestorer
from app.restorers.family import Family, ImageTensor

_TENSOR = ImageTensor(side=64, colour="BGR", range=(0, 1))
FAMILY = Family(
    name="dummy-net", title="Dummy", paper="arXiv 0000.00000", takes=_TENSOR, gives=_TENSOR, k_range=(1, 2),
    fixed_point=False, create=CropToCropRestorer, crop_side=64, weakness="It is a dummy.",
)
'''


@pytest.fixture
def dummy_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restorer:
    """A new family: one module and one entry in the manifest."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "dummy_net.py").write_text(DUMMY)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(modules)])
    content = network(scale_and_shift(-1.0, (1.0, 1.0, 1.0)), takes=64, gives=64)
    its = family("dummy-net")
    assert its.takes == ImageTensor(side=64, colour="BGR", range=(0, 1))
    return store_of(tmp_path / "models", (entry(its, content, name="negative"), content)).create_restorer()


def test_a_family_with_another_crop_side_restores_faces_in_a_frame(dummy_network: Restorer) -> None:
    frame, landmarks = show(scale=1.5)
    restored = FramePipeline(FaceTracker(detector()), dummy_network).process(frame_of(frame), Settings(k=2))
    assert [face.cycles for face in restored.faces] == [2]
    assert np.abs(restored.image.astype(int) - frame).max() <= 2  # twice the negative is the face itself
    negative = FramePipeline(FaceTracker(detector()), dummy_network).process(frame_of(frame), Settings(k=1)).image
    x, y = landmarks.mean(axis=0).astype(int)
    assert (
        np.abs(negative[y - 20 : y + 20, x - 20 : x + 20].astype(int) - frame[y - 20 : y + 20, x - 20 : x + 20]).mean()
        > 5
    )
    assert np.array_equal(negative[:20], frame[:20])


def test_one_module_and_one_entry_add_a_family(dummy_network: Restorer) -> None:
    assert "dummy-net" in family_names()
    assert dummy_network.name == "negative"
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    once, twice = (dummy_network.restore(picture, k=k) for k in (1, 2))
    assert np.array_equal(once.image, 255 - picture)
    assert np.array_equal(twice.image, picture)
    assert once.steps[0] == pytest.approx(np.abs(255 - 2.0 * picture).mean() / 127.5, rel=1e-4)
    with pytest.raises(InferenceError, match="64x64x3"):
        dummy_network.restore(np.zeros((256, 256, 3), np.uint8), k=1)
