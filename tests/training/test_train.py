"""A run of training: it can be stopped, resumed, and read back."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import gradients
from training.checkpoint import CheckpointError, load_generator, read_checkpoint, save_checkpoint, slim
from training.data import Batch, load_faces, seeded_pairs
from training.errors import TrainingError
from training.log import RunLog
from training.losses.perceptual import LPIPS
from training.networks import build_generator
from training.presets import PRESETS, Preset, Stage
from training.train import Trainer, choose_preset

from .conftest import made_up_faces

EVERYTHING = replace(
    PRESETS["cfrnet-rt"].stages[-1].losses,
    adversarial=0.05, component=0.03, style=50.0, identity=0.0, fixed_point=0.3, cycle=0.25, anchor=0.3,
)  # fmt: skip
STAGE = Stage(
    name="all terms", share=1.0, losses=EVERYTHING, crop=64, batch=2, perceptual_window=32, perceptual_faces=2
)
TINY = Preset(network="cfrnet-rt", stages=(STAGE,), lr=0.002, rare_every=2)


def batch(seed: int) -> Batch:
    degraded, clean = seeded_pairs(made_up_faces(2, 64, seed))
    return Batch(degraded, clean, torch.full((2, 5, 2), 32.0))


@pytest.fixture
def make_trainer(face_folder: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    # It is decided by a race; here it has to come out the same for every trainer.
    monkeypatch.setattr("training.methods.base.bfloat16_pays", lambda *_: False)
    faces, validation = load_faces(face_folder)
    validation = replace(validation, images=validation.images[:1], landmarks=validation.landmarks[:1])

    def make() -> Trainer:
        return Trainer(TINY, faces, validation, weights, tmp_path / "run")

    return make


def run_steps(trainer: Trainer, first: int, last: int) -> list[dict[str, float]]:
    """Steps `first` to `last`, each with its own batch and its own random windows."""
    terms = []
    for i in range(first, last):
        torch.manual_seed(i)
        trainer.method.rng = np.random.default_rng(i)
        terms.append(trainer.step(batch(i), STAGE, progress=0.5))
    return terms


def test_a_resumed_run_goes_the_same_way_as_one_that_was_not_stopped(make_trainer) -> None:  # type: ignore[no-untyped-def]
    whole = make_trainer()
    curve = run_steps(whole, 0, 6)

    stopped = make_trainer()
    run_steps(stopped, 0, 3)
    save_checkpoint(stopped.checkpoint, stopped.state())
    resumed = make_trainer()
    resumed.load_state(read_checkpoint(stopped.checkpoint))
    assert resumed.steps == 3
    rest = run_steps(resumed, 3, 6)

    for found, wanted in zip(rest, curve[3:], strict=True):
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    for name, parameter in whole.method.average.state_dict().items():
        torch.testing.assert_close(resumed.method.average.state_dict()[name], parameter, rtol=1e-4, atol=1e-6)


def test_draws_follow_from_the_seed_and_the_step_that_a_run_is_taken_up_at(make_trainer) -> None:  # type: ignore[no-untyped-def]
    trainer = make_trainer()
    state = trainer.state()
    assert "random" not in state
    trainer.load_state({**state, "steps": 7, "random": "what older checkpoints hold"})
    trainer.stopping = True
    trainer._run_stage(STAGE, 0.0, 1.0, warm_up=False)
    assert torch.initial_seed() == TINY.seed + 7
    assert trainer.method.rng.random() == np.random.default_rng(TINY.seed + 7).random()


def test_a_stage_warms_up_unless_it_is_resumed_in_its_middle(make_trainer, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Steps take four seconds and stages ten, so that the first one ends at twelve."""
    stages = tuple(replace(STAGE, name=name, share=0.5, rate_end=1.0) for name in ("first", "second"))
    trainer = make_trainer()
    trainer.preset = replace(TINY, stages=stages, warmup_steps=2)
    rates: list[float] = []

    def step(*_: object) -> dict[str, float]:
        trainer.steps += 1
        return {}

    monkeypatch.setattr(trainer, "step", step)
    monkeypatch.setattr(trainer, "_evaluate", lambda: None)
    monkeypatch.setattr("training.train.batches", lambda *_, **__: (None for _ in itertools.count()))
    monkeypatch.setattr("training.train.set_learning_rate", lambda _, rate: rates.append(rate))
    monkeypatch.setattr("training.train.time", SimpleNamespace(monotonic=itertools.count(0.0, 4.0).__next__))
    trainer.run(20 / 60)
    assert rates == [0.5, 1.0, 1.0, 0.5, 1.0]
    rates.clear()
    trainer.load_state(trainer.state() | {"elapsed": 12.0})
    trainer.run(20 / 60)
    assert rates == [1.0, 1.0]
    rates.clear()
    trainer.load_state(slim(trainer.state() | {"elapsed": 12.0}))
    trainer.run(20 / 60)
    assert rates == [0.5, 1.0], "there are no momenta in a slim state"


def test_a_run_that_diverges_ends_and_keeps_what_was_saved_before(
    make_trainer, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("training.train.SAVE_SECONDS", 0.0)
    trainer = make_trainer()
    began = trainer.method.step
    monkeypatch.setattr(
        trainer.method, "step", lambda *a: began(*a) if trainer.steps < 2 else {"perceptual": float("nan")}
    )
    with pytest.raises(TrainingError, match="step 2: perceptual is not finite; go on with --resume"):
        trainer._run_stage(STAGE, 0.0, 3600.0, warm_up=True)
    assert read_checkpoint(trainer.checkpoint)["steps"] == 2


def test_a_run_that_fails_ends(face_folder: Path, weights: Path, tmp_path: Path) -> None:
    """The process that degrades its faces ignores SIGTERM."""
    script = (
        "import sys\n"
        "from training.train import Trainer, main\n"
        "def fail(*_): raise RuntimeError('out of memory')\n"
        "if __name__ == '__main__':\n"
        "    Trainer.step = fail\n"
        "    main()\n"
    )
    places = ("--faces", face_folder, "--weights", weights, "--out", tmp_path)
    words = [sys.executable, "-c", script, *map(str, places)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 1
    assert "out of memory" in ended.stderr


def test_every_term_is_in_the_step_and_the_loss_falls(make_trainer) -> None:  # type: ignore[no-untyped-def]
    trainer = make_trainer()
    progressive = []
    for i in range(6):
        torch.manual_seed(0)
        terms = trainer.step(batch(0), STAGE, progress=1.0)
        progressive.append(terms["progressive"])
        expected = {
            "progressive",
            "fidelity",
            "perceptual",
            "coarse",
            "fixed_point",
            "adversarial",
            "component",
            "style",
            "critics",
        }
        assert set(terms) == (expected | {"cycle", "anchor"} if i % 2 == 0 else expected)
    assert progressive[-1] < progressive[0]
    assert all(np.isfinite(list(terms.values())))


def test_gradients_tell_what_a_term_does_to_a_figure(make_trainer, weights: Path) -> None:  # type: ignore[no-untyped-def]
    trainer = make_trainer()
    alexnet = LPIPS("alexnet", weights)
    pulls = {pull.term: pull for pull in gradients.measure(trainer.method, STAGE, [batch(0), batch(1)], alexnet)}
    assert {"PSNR", "LPIPS-A", "LPIPS-V", "progressive", "coarse", "style", "anchor"} <= set(pulls)
    fidelity, psnr = pulls["fidelity"], pulls["PSNR"]  # the same but for the weight
    assert fidelity.cosines["PSNR"] == pytest.approx(1.0, abs=1e-4)
    assert fidelity.length == pytest.approx(EVERYTHING.fidelity[1] * psnr.length, rel=1e-3)
    assert pulls["perceptual"].cosines["LPIPS-V"] > 0.3
    assert all(parameter.grad is None for parameter in trainer.method.generator.parameters())
    trainer.method.preset = replace(TINY, rare_every=8)  # how often a term is computed is no part of its weight
    again = {pull.term: pull for pull in gradients.measure(trainer.method, STAGE, [batch(0), batch(1)], alexnet)}
    assert again["anchor"].length == pytest.approx(pulls["anchor"].length, rel=1e-3)
    assert "steadiness" in gradients.table(list(pulls.values()))
    alone = replace(EVERYTHING, progressive=(0.5,), fidelity=(0.3,), perceptual=(0.6,), coarse=(1.0,))
    once = gradients.measure(trainer.method, replace(STAGE, losses=alone), [batch(0), batch(1)], alexnet)
    fidelity = next(pull for pull in once if pull.term == "fidelity")
    assert fidelity.cosines["PSNR"] == pytest.approx(1.0, abs=1e-4), "a single pass has a PSNR too"


def test_a_resumed_run_keeps_its_recipe() -> None:
    def state(name: str, **changes: object) -> dict[str, object]:
        preset = replace(PRESETS[name], **changes)  # type: ignore[arg-type]
        return {"network": preset.network, "preset": json.dumps(asdict(preset))}

    assert choose_preset(None, None) is PRESETS["cfrnet-rt"]
    assert choose_preset("pfsrnet", None) is PRESETS["pfsrnet"]
    for name in PRESETS:
        assert choose_preset(None, state(name)) is PRESETS[name]
    assert choose_preset("cfrnet-rt-continue", state("cfrnet-rt")) is PRESETS["cfrnet-rt-continue"]
    with pytest.raises(TrainingError, match="--preset"):
        choose_preset(None, state("cfrnet-rt", lr=0.5))
    with pytest.raises(TrainingError, match="the run trains cfrnet-rt, and pfsrnet is for pfsrnet"):
        choose_preset("pfsrnet", state("cfrnet-rt"))
    assert choose_preset("cfrnet-rt-long", None, state("cfrnet-rt")) is PRESETS["cfrnet-rt-long"]
    with pytest.raises(TrainingError, match="the weights are of cfrnet, and cfrnet-rt trains cfrnet-rt"):
        choose_preset(None, None, state("cfrnet"))


def test_a_run_can_start_from_weights_alone(make_trainer, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    trained = make_trainer()
    run_steps(trained, 0, 2)
    save_checkpoint(tmp_path / "slim.pt", slim(trained.state()))
    fresh = make_trainer()
    fresh.load_state(read_checkpoint(tmp_path / "slim.pt"), keep_clock=False)
    assert (fresh.steps, fresh.elapsed, fresh.seed) == (0, 0.0, TINY.seed + 2), "it draws other faces than that run"
    x = seeded_pairs(made_up_faces(1, 64))[0]
    with torch.no_grad():
        torch.testing.assert_close(fresh.method.generator(x), trained.method.average(x), atol=2e-3, rtol=0)
    generator = load_generator(tmp_path / "slim.pt")
    assert not generator.training
    assert (tmp_path / "slim.pt").stat().st_size < 0.75 * 4 * sum(
        p.numel() for module in (trained.method.average, trained.method.critics) for p in module.parameters()
    )


def test_a_run_goes_on_from_pruned_weights(
    face_folder: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.methods.base.bfloat16_pays", lambda *_: False)
    narrow = build_generator("cfrnet-rt").state_dict()
    for name, kept in (("body.2.conv1.weight", 0), ("body.2.conv1.bias", 0), ("body.2.conv2.weight", 1)):
        narrow[name] = narrow[name].narrow(kept, 0, 48).clone()
    faces, validation = load_faces(face_folder)
    trainer = Trainer(TINY, faces, validation, weights, tmp_path / "run", like=narrow)
    trainer.load_state({"network": "cfrnet-rt", "ema": narrow}, keep_clock=False)
    run_steps(trainer, 0, 1)
    assert trainer.state()["ema"]["body.2.conv2.weight"].shape == (128, 48, 3, 3)


def test_the_recipe_is_saved_beside_the_weights(make_trainer) -> None:  # type: ignore[no-untyped-def]
    preset = json.loads(make_trainer().state()["preset"])
    assert preset["stages"][0]["losses"]["fixed_point"] == 0.3
    assert preset["lr"] == 0.002


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.pt").write_bytes(b"no checkpoint")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    for name in ("noise.pt", "other.pt"):
        with pytest.raises(CheckpointError, match=name):
            read_checkpoint(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.pt")


def test_an_interrupted_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"network": "cfrnet-rt", "ema": {}})
    with pytest.raises(Exception, match=r"pickle|lambda"):
        save_checkpoint(path, {"network": lambda: None})
    assert read_checkpoint(path)["network"] == "cfrnet-rt"


def test_a_full_disk_is_named_and_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"network": "cfrnet-rt", "ema": {}})

    def fill(_state: object, part: Path) -> None:
        part.write_bytes(b"half of it")
        raise RuntimeError("unexpected pos 64 vs 0")  # torch's answer

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt cannot be written"):
        save_checkpoint(path, {})
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert read_checkpoint(path)["network"] == "cfrnet-rt"


def test_the_log_can_be_read_and_drawn(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for step in range(1, 101):
        log.step(2.0 * step, step, "stage", 0.5, {"progressive": 1.0 / step}, remaining=0.0)
    log.evaluation(200.0, 100, {"k3_psnr": 22.0}, made_up_faces(1, 64)[0])
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [50, 100]
    assert float(rows[0]["mean"]) == pytest.approx(np.mean([1.0 / step for step in range(1, 51)]), abs=1e-5)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert (tmp_path / "sheet.png").is_file()


_SMALL_RUN = """
import sys
from dataclasses import replace
from training import log, presets, train
log.STEPS_A_LINE = 10
stage = replace(presets.PRESETS["cfrnet-d"].stages[0], batch=2, crop=32, perceptual_window=32)
presets.PRESETS["small"] = replace(presets.PRESETS["cfrnet-d"], stages=(stage,))
sys.argv[1:1] = ["--preset", "small"]
train.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_sigterm_stops_a_run_cleanly_and_a_pause_is_not_training_time(
    face_folder: Path, weights: Path, tmp_path: Path
) -> None:
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen(
        [sys.executable, "-c", _SMALL_RUN, "--faces", face_folder, "--weights", weights, "--out", tmp_path / "run",
         "--minutes", "600", "--threads", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"},
    )  # fmt: skip
    try:
        assert run.stdout is not None
        first = run.stdout.readline()  # the run is under way
        began = time.monotonic()
        run.send_signal(signal.SIGSTOP)
        time.sleep(8)
        run.send_signal(signal.SIGCONT)
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=90)
        took = time.monotonic() - began
    finally:
        run.kill()  # or it would train for hours beside the other tests
    assert run.returncode == 0, errors
    assert "step 10" in first
    assert "Traceback" not in errors
    checkpoint = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert checkpoint["steps"] >= 10
    minutes_at_first = float(first.split()[0])
    assert 0 < checkpoint["elapsed"] < minutes_at_first * 60 + 3 + took - 8  # the log tells tenths of a minute
