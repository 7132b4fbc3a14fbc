"""The ablations train every row from one start, go on where they stopped, and print what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training import ablations
from training.ablations import ROWS, OtherRecipeError, Row, RunFailedError, read_figures, train_rows
from training.checkpoint import read_checkpoint, save_checkpoint
from training.data import FaceFolderError
from training.evaluation.pages.ablations import COLUMNS, write_page
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
    found = read_figures(tiny, tmp_path / "runs", 0.05)
    assert [row["title"] for row in found["rows"]] == ["the first"]
    assert len(found["rows"][0]["runs"]) == 2
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


def evaluate(folder: Path, metrics: dict[str, float], *, minutes: float = 20.0, steps: int = 100) -> None:
    RunLog(folder).evaluation(60 * minutes, steps, metrics, made_up_faces(1)[0])


ALIKE = dict.fromkeys([metric for _, metric, _ in COLUMNS], 1.0)


def test_a_row_whose_last_figures_are_not_all_there_is_not_complete(tmp_path: Path) -> None:
    row = Row(title="a row", preset="row", paper="1 / 2")
    evaluate(tmp_path / "row-1", ALIKE, minutes=10)
    evaluate(tmp_path / "row-1", {metric: ALIKE[metric] for metric in list(ALIKE)[:-1]}, steps=200)
    assert read_figures([row], tmp_path, 20)["rows"] == []
    evaluate(tmp_path / "row-1", ALIKE, steps=200)
    assert len(read_figures([row], tmp_path, 20)["rows"]) == 1


def page_of(rows: Sequence[Row], folder: Path) -> str:
    write_page(folder / "ablations.md", read_figures(rows, folder, 20))
    return (folder / "ablations.md").read_text()


def test_two_seeds_give_a_mean_and_a_spread(tmp_path: Path) -> None:
    for seed, psnr in ((1, 22.5), (2, 22.7)):
        evaluate(tmp_path / f"row-{seed}", ALIKE | {"k3_psnr": 10.0}, minutes=1)
        evaluate(tmp_path / f"row-{seed}", ALIKE | {"k3_psnr": psnr}, steps=300 * seed)
    page = page_of([Row(title="a row", preset="row", paper="22.62 / .330", seeds=(1, 2))], tmp_path)
    assert "| a row | 300, 600 | 1.00 ± 0.00 | 1.00 ± 0.00 | 22.60 ± 0.10 |" in page
    assert "What a term brings" not in page


def test_a_term_is_judged_by_what_chance_alone_does(tmp_path: Path) -> None:
    first, progressive, fixed_point, everything, *_ = ROWS
    for folder, psnr, lpips in zip(
        [folder for row in (first, progressive, fixed_point, everything) for folder in row.folders(tmp_path)],
        (22.50, 22.52, 23.0, 22.7, 22.74, 22.74),
        (0.302, 0.300, 0.297, 0.340, 0.320, 0.320),
        strict=True,
    ):
        evaluate(folder, ALIKE | {"k3_psnr": psnr, "k3_alex": lpips})
    assert "What a term brings" not in page_of(ROWS[1:3], tmp_path), "without a second seed nothing is known of chance"
    page = page_of(ROWS, tmp_path)
    assert "pooled over 2 rows" in page
    # One seed against two: t(2) = 4.303, times the pooled deviations 0.01 and 0.001, times the root of 1.5.
    assert "| progressive terms | +0.49 ± 0.05 | **helps** | -0.004 ± 0.005 | chance |" in page
    assert "| fixed point | -0.30 ± 0.06 | **hurts** | +0.043 ± 0.006 | **hurts** |" in page
    assert "| cycle | +0.04 ± 0.05 | chance | -0.020 ± 0.005 | **helps** |" in page
    assert "critics" not in page.partition("What a term brings")[2], "a row is missing"
