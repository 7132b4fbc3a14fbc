"""The ablations train every row from one start, go on where they stopped, and print what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training import ablations
from training.ablations import ROWS, OtherRecipeError, Row, RunFailedError, train_rows, write_table
from training.checkpoint import read_checkpoint, save_checkpoint
from training.data import FaceFolderError
from training.log import RunLog
from training.losses.ccfp import LossWeights
from training.networks import build_generator
from training.presets import PRESETS, Preset

from .conftest import made_up_faces


def test_every_row_has_a_recipe_of_its_own() -> None:
    recipes = [PRESETS[row.preset] for row in ROWS]
    losses = [recipe.stages[0].losses for recipe in recipes]
    assert len(set(losses)) == len(ROWS)
    assert {replace(recipe.stages[0], losses=losses[0]) for recipe in recipes} == {recipes[0].stages[0]}
    assert len(ROWS[0].seeds) == len(ROWS[3].seeds) == 2


def test_the_first_two_rows_differ_in_what_is_unrolled_alone() -> None:
    """Or the step between them is credited to the cycles and comes from the weights."""
    first, second = (PRESETS[row.preset].stages[0].losses for row in ROWS[:2])
    assert isinstance(first, LossWeights)
    assert isinstance(second, LossWeights)
    weights = ("progressive", "fidelity", "perceptual", "coarse")
    assert [sum(getattr(first, name)) for name in weights] == pytest.approx(
        [sum(getattr(second, name)) for name in weights]
    )
    kept = {name: getattr(second, name) for name in weights}
    assert replace(first, **kept) == second
    assert first.cycles == 1


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Two rows of three seconds; the first has two seeds."""
    monkeypatch.setattr("training.methods.base.bfloat16_pays", lambda *_: False)
    monkeypatch.setattr("training.evaluation.validation.FACES", 1)
    monkeypatch.setattr("training.evaluation.validation.SHOWN", 1)
    stage = replace(
        PRESETS["ablation-single-pass"].stages[0], crop=64, batch=2, perceptual_window=32, perceptual_faces=1
    )
    preset = Preset(network="cfrnet-rt", stages=(stage,))
    monkeypatch.setattr(ablations, "PRESETS", {"first": preset, "second": preset})
    return [
        Row(title="the first", preset="first", paper="1 / 2", seeds=(1, 2)),
        Row(title="the second", preset="second", paper="3 / 4"),
    ]


@pytest.fixture
def places(face_folder: Path, weights: Path, tmp_path: Path) -> dict[str, Any]:
    """The folders of `train_rows`, and a start that a row can be told from."""
    generator = build_generator("cfrnet-rt")
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(0.5)
    start = tmp_path / "start.pt"
    save_checkpoint(start, {"network": "cfrnet-rt", "ema": generator.state_dict()})
    return {"faces": face_folder, "weights": weights, "runs": tmp_path / "runs", "start": start}


def test_rows_are_trained_once_and_from_the_same_start(tiny: list[Row], places: dict[str, Any], tmp_path: Path) -> None:
    def train(rows: list[Row]) -> None:
        train_rows(rows, **places, minutes=0.05, device=torch.device("cpu"))

    with pytest.raises(FaceFolderError):
        train_rows(tiny, **(places | {"faces": tmp_path / "none"}), minutes=9, device=torch.device("cpu"))
    train(tiny[:1])  # what was never begun has no recipe to keep to
    write_table(tmp_path / "ablations.md", tiny, tmp_path / "runs", 0.05)
    page = (tmp_path / "ablations.md").read_text()
    assert "| the first |" in page
    assert "±" in page
    assert "the second" not in page
    states = {seed: read_checkpoint(tmp_path / "runs" / f"first-{seed}" / "checkpoint.pt") for seed in (1, 2)}
    stem = read_checkpoint(places["start"])["ema"]["stem.weight"]
    for state in states.values():
        assert (state["ema"]["stem.weight"] - stem).abs().max() < 0.1, "it did not begin with the start"
    assert not torch.equal(states[1]["ema"]["stem.weight"], states[2]["ema"]["stem.weight"])
    train(tiny[:1])
    assert read_checkpoint(tmp_path / "runs" / "first-1" / "checkpoint.pt")["steps"] == states[1]["steps"]
    with pytest.raises(OtherRecipeError, match="first-1 was begun with another minutes"):
        train_rows(tiny, **places, minutes=0.1, device=torch.device("cpu"))
    save_checkpoint(places["start"], {"network": "cfrnet-rt", "ema": states[1]["ema"]})
    with pytest.raises(OtherRecipeError, match="another start"):
        train(tiny)


def test_runs_side_by_side_are_the_same_runs_on_fewer_cores(tiny: list[Row], places: dict[str, Any]) -> None:
    train_rows(tiny[:1], **places, minutes=0.02, device=torch.device("cpu"), jobs=2)
    for run in ("first-1", "first-2"):
        assert read_checkpoint(places["runs"] / run / "checkpoint.pt")["steps"] > 0
    with pytest.raises(OtherRecipeError, match="another cores"):
        train_rows(tiny[:1], **places, minutes=0.02, device=torch.device("cpu"))


def test_a_run_that_fails_beside_others_is_told() -> None:
    cheap: Any = sum
    ablations._side_by_side(cheap, [[1], [2]])
    with pytest.raises(RunFailedError):
        ablations._side_by_side(cheap, [[1], ["no number"]])


def test_a_row_whose_last_figures_are_not_all_there_is_not_complete(tmp_path: Path) -> None:
    row = Row(title="a row", preset="row", paper="1 / 2")
    log = RunLog(tmp_path / "row-1")
    metrics = [metric for _, metric, _ in ablations._COLUMNS]

    def page() -> str:
        write_table(tmp_path / "ablations.md", [row], tmp_path, 20)
        return (tmp_path / "ablations.md").read_text()

    log.evaluation(600.0, 100, dict.fromkeys(metrics, 1.0), made_up_faces(1)[0])
    log.evaluation(1200.0, 200, dict.fromkeys(metrics[:-1], 1.0), made_up_faces(1)[0])
    assert "a row" not in page()
    log.evaluation(1200.0, 200, dict.fromkeys(metrics, 1.0), made_up_faces(1)[0])
    assert "a row" in page()


def test_two_seeds_give_a_mean_and_a_spread(tmp_path: Path) -> None:
    figures = dict.fromkeys([metric for _, metric, _ in ablations._COLUMNS], 1.0)
    face = made_up_faces(1)[0]
    for seed, psnr in ((1, 22.5), (2, 22.7)):
        log = RunLog(tmp_path / f"row-{seed}")
        log.evaluation(60.0, 100 * seed, figures | {"k3_psnr": 10.0}, face)
        log.evaluation(1200.0, 300 * seed, figures | {"k3_psnr": psnr}, face)
    row = Row(title="a row", preset="row", paper="22.62 / .330", seeds=(1, 2))
    write_table(tmp_path / "ablations.md", [row], tmp_path, 20)
    assert "| a row | 300, 600 | 1.00 ± 0.00 | 1.00 ± 0.00 | 22.60 ± 0.10 |" in (tmp_path / "ablations.md").read_text()
