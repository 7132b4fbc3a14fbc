"""Training methods: their steps, and that the device reaches everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.checkpoint import slim
from training.data import Batch, FaceSet, batches, load_faces, seeded_pairs
from training.degradation.kinds import KINDS
from training.device import DeviceError, choose_device
from training.evaluation.validation import Validation
from training.losses.ccfp import unroll
from training.losses.distillation import DistillationWeights
from training.methods import CCFP, METHODS, Distillation, Method, Progressive, Renovation
from training.methods.ccfp import critics_of
from training.optim import set_learning_rate
from training.presets import PRESETS, Preset, Stage

from .conftest import made_up_faces

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a CPU it is decided by a race; here it has to come out the same everywhere.
    monkeypatch.setattr("training.methods.base.bfloat16_pays", lambda *_: False)


def small(name: str) -> Preset:
    """The preset with its last stage alone, on crops and batches that take no time."""
    stage = replace(
        PRESETS[name].stages[-1],
        crop=128 if name == "pfsrnet" else 64,
        batch=2,
        perceptual_window=32,
        perceptual_faces=1,
    )
    return replace(PRESETS[name], stages=(stage,))


def build(name: str, weights: Path, device: torch.device) -> Method:
    preset = small(name)
    return METHODS[preset.method](preset, weights, device)


def test_renovation_takes_every_term_and_the_loss_falls(weights: Path) -> None:
    method = build("hifacegan-lite", weights, CPU)
    degraded, clean = seeded_pairs(made_up_faces(2, 64))
    batch = Batch(degraded, clean, torch.full((2, 5, 2), 32.0))
    set_learning_rate(method.optimizers, 0.1)
    curve = []
    for steps in range(10):
        torch.manual_seed(0)
        curve.append(method.step(batch, method.preset.stages[0], 1.0, steps))
        method.update_average(steps + 1)
    assert set(curve[0]) == {"pixel", "perceptual", "coarse", "adversarial", "matching", "critics"}
    assert sum(curve[-1].values()) < 0.9 * sum(curve[0].values())
    assert curve[-1]["critics"] < curve[0]["critics"]
    with torch.no_grad():
        assert method.average(degraded).shape == clean.shape


@pytest.mark.parametrize("stage", PRESETS["cfrnet-taught"].stages, ids=lambda stage: stage.name)
def test_a_student_comes_nearer_to_its_teacher_in_every_cycle(weights: Path, stage: Stage) -> None:
    method = build("cfrnet-taught", weights, CPU)
    assert isinstance(method, Distillation)
    degraded, clean = seeded_pairs(made_up_faces(3, 64))
    batch = Batch(degraded, clean, torch.full((3, 5, 2), 32.0))
    set_learning_rate(method.optimizers, 0.3)
    with torch.no_grad():
        wanted = unroll(method.teacher, degraded, 3)
        before = unroll(method.generator, degraded, 3)
    assert isinstance(stage.losses, DistillationWeights)
    # Features may outweigh pixels by far, whose way is longer then; what is held here is that cycles are imitated.
    pixels = replace(stage, losses=DistillationWeights(forced=stage.losses.forced))
    curve = [method.step(batch, pixels, 1.0, steps) for steps in range(12)]
    with torch.no_grad():
        after = unroll(method.generator, degraded, 3)
    assert set(curve[0]) == {"imitation", "perceptual"}
    for t, early, late in zip(wanted, before, after, strict=True):
        assert (late - t).square().mean() < 0.9 * (early - t).square().mean()
    assert method.teacher(clean).sub(clean).abs().mean() < 0.05, "the teacher is trained"
    coarse = {"coarse"} if stage.losses.coarse else set()
    assert set(method.step(batch, stage, 1.0, 12)) == {"imitation", "perceptual"} | coarse


def test_ccfp_goes_on_with_a_student_and_the_critics_of_its_teacher(weights: Path) -> None:
    student = build("cfrnet-taught", weights, CPU)
    student.load_weights(student.state() | {"critics": critics_of("cfrnet-rt").state_dict()})  # as they used to be kept
    method = build("cfrnet-continue", weights, CPU)
    method.load_weights(slim({"network": "cfrnet", **student.state()}))
    for name, tensor in student.average.state_dict().items():
        torch.testing.assert_close(method.generator.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    teacher = critics_of("cfrnet-rt").state_dict()
    assert all(torch.equal(tensor, teacher[name]) for name, tensor in method.critics.state_dict().items())


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_doubling_takes_every_term_and_the_loss_falls(index: int, weights: Path) -> None:
    preset = PRESETS["pfsrnet"]
    stage = replace(preset.stages[index], batch=2)
    method = METHODS[preset.method](replace(preset, stages=(stage,)), weights, CPU)
    _, clean = seeded_pairs(made_up_faces(2, 128))
    batch = Batch(clean, clean, torch.full((2, 5, 2), 64.0))
    curve = [method.step(batch, stage, 0.15, steps) for steps in range(3)]
    assert stage.step == index + 1
    assert set(curve[0]) == {"pixel", "perceptual", "attention", "adversarial", "critics"}
    assert curve[-1]["pixel"] < curve[0]["pixel"]
    later = [p for layers in method.generator.core.steps[stage.step :] for p in layers.parameters()]  # type: ignore[union-attr, index]
    assert all(parameter.grad is None for parameter in later)


def test_validation_leaves_weights_and_statistics_as_they_are(weights: Path) -> None:
    method = build("pfsrnet", weights, CPU)
    faces = FaceSet(made_up_faces(1), np.zeros((1, 5, 2), np.float32), np.ones(1))
    before = {name: tensor.clone() for name, tensor in method.average.state_dict().items()}
    Validation(faces, weights, cycles=1, device=CPU, bfloat16=False)(method.average)
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.average.state_dict().items())


def modules(method: Method) -> dict[str, nn.Module]:
    return {name: value for name, value in vars(method).items() if isinstance(value, nn.Module)}


@pytest.mark.parametrize("name", ["cfrnet-rt", "cfrnet-taught", "hifacegan-lite", "pfsrnet"])
def test_the_device_reaches_every_network_and_every_term(name: str, weights: Path, face_folder: Path) -> None:
    """The meta device refuses to compute with a tensor that was left on the CPU."""
    meta = torch.device("meta")
    method = build(name, weights, meta)
    for label, module in modules(method).items():
        places = {tensor.device for tensor in (*module.parameters(), *module.buffers())}
        assert places <= {meta}, label  # a student has no critics
    preset, faces = method.preset, load_faces(face_folder)[0]
    stage = preset.stages[0]
    batch = first_batch(faces, preset, meta)
    restored = method.generator(batch.degraded)
    if isinstance(method, Progressive):
        attention = method.heatmaps.attention(batch.clean)
        terms = method.terms(restored, batch.clean, attention, stage, 0.5)
    elif isinstance(method, CCFP):
        stage = replace(stage, losses=replace(stage.losses, cycle=0.0))  # degrades pictures, which meta has none of
        terms = method.terms([restored] * 3, batch, stage, progress=0.5, rare=True)
    elif isinstance(method, Distillation):
        terms = method.terms(batch.degraded, stage)
    else:
        assert isinstance(method, Renovation)
        terms = method.terms(batch.degraded, restored, batch.clean, stage, 0.5)
    total = torch.stack(list(terms.values())).sum()
    total.backward()
    assert total.device == meta
    assert {parameter.grad.device for parameter in method.generator.parameters() if parameter.grad is not None} == {
        meta
    }


def first_batch(faces: FaceSet, preset: Preset, device: torch.device) -> Batch:
    stage = preset.stages[0]
    return next(batches(faces, batch=3, crop=stage.crop, seed=0, degrade=KINDS[preset.degradation], device=device))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU and a CUDA build of torch")
@pytest.mark.parametrize("name", ["cfrnet-rt", "cfrnet-taught", "hifacegan-lite", "pfsrnet"])
def test_a_step_on_a_gpu(name: str, weights: Path, face_folder: Path) -> None:
    device = choose_device("cuda")
    method = build(name, weights, device)
    batch = first_batch(load_faces(face_folder)[0], method.preset, device)
    terms = method.step(batch, method.preset.stages[0], 0.5, steps=0)
    assert batch.clean.device.type == "cuda"
    assert all(torch.isfinite(torch.tensor(list(terms.values()))))


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without CUDA")
def test_a_gpu_that_is_not_there_is_named() -> None:
    assert choose_device("auto") == CPU
    with pytest.raises(DeviceError, match="--device cpu"):
        choose_device("cuda")
