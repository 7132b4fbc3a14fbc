"""What the results page says follows from the figures, and the figures from the shipped files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from app.restorers.store import MODELS_FOLDER
from training.checkpoint import read_checkpoint
from training.data import FaceFolderError, seeded_pairs
from training.degradation.models import PaperDegradation
from training.evaluation import calibration
from training.evaluation.conditions import (
    CALL,
    CONDITIONS,
    PAPER,
    SHORT_KERNEL,
    WEBCAM,
    Condition,
    judge_condition,
)
from training.evaluation.evaluate import Judges, _expect_places, by_strength, evaluate
from training.evaluation.pages.ablations import write_page as write_ablations
from training.evaluation.pages.comparison import write_comparison
from training.evaluation.pages.figures import LARGEST_FILE, draw_photos, draw_sheet
from training.evaluation.pages.results import write_page
from training.evaluation.parallel import each_part
from training.evaluation.shipped import BusyMachineError, ShippedGenerator
from training.evaluation.targets import judge_targets
from training.evaluation.test_sets import DEFAULT_SETS, FiguresInPlaceError, find_evaluation_data
from training.metrics.scoring import Collected
from training.shipping.manifest import write_manifest
from training.shipping.quantize import CALIBRATION_METHODS

from .conftest import made_up_faces

DOCS = Path(__file__).parents[2] / "docs"


def row(psnr: float, alex: float, vgg: float, **more: float) -> dict[str, float]:
    return {
        "psnr": psnr,
        "ssim": 0.6,
        "lpips_alex": alex,
        "lpips_vgg": vgg,
        "red": 0.1,
        "green": 0.2,
        "blue": -0.3,
    } | more


@pytest.fixture
def results() -> dict[str, Any]:
    """Figures that reach every target."""
    means = {"input": row(20.0, 0.700, 0.60), "truth": {"niqe": 5.0, "checkerboard": 7.0}}
    quality = {
        1: (21.5, 0.36, 0.44),
        2: (21.96, 0.29, 0.41),
        3: (21.4, 0.24, 0.385),
        4: (21.2, 0.25, 0.39),
        5: (21, 0.29, 0.42),
    }
    for precision, lost in (("int8", 0.05), ("fp32", 0.0)):
        for k, (psnr, alex, vgg) in quality.items():
            means[f"{precision} k{k}"] = row(psnr - lost, alex + lost / 10, vgg + lost / 10)
            means[f"{precision} step{k - 1}"] = {"step": 0.08 / k}
    thirds = {
        name: {"faces": 100, "blur_sigma": 4.0, "ratio": 3.0, "means": means} for name in ("mild", "middle", "hard")
    }
    model = {"file": "cfrnet-rt.int8.onnx", "sha256": "ab" * 32, "bytes": 2_200_000}
    cycle = {"median_ms": 17.0, "p95_ms": 18.0, "cycles": 40, "threads": 2, "busy_percent": 1.0}
    machine = {"processor": "A processor", "instructions": "avx2", "cores": "2", "system": "S", "packages": "P 1"}
    at = {"date": "2026-01-01 10:00 UTC", "machine": machine, "bfloat16": {"used": True, "mean_difference": 1e-4}}
    restored = {"input": row(25.0, 0.400, 0.50, eyes=6.0)} | {
        f"k{k}": row(27.2 - 0.5 * k, 0.19 - 0.005 * k, 0.40, eyes=5.25) for k in range(1, 5)
    }
    conditions = [
        {"title": condition.title, "role": condition.role, "set": "faces300", "faces": 300, "means": restored}
        for condition in CONDITIONS
    ]
    paper = {"input": row(20.0, 0.700, 0.60), "k3": row(21.0, 0.26, 0.40)}
    conditions[[c.title for c in CONDITIONS].index(PAPER)]["means"] = paper
    flicker = {"frames": 60, "input": 0.5, "k1": 0.5, "k2": 0.6, "k3": 0.7}
    shown = {"k = 3": {"lpips_alex": 0.16}, "k = 3, steady": {"lpips_alex": 0.15}}
    return {
        "network": "cfrnet-rt", "limit": None, "measured": {"protocol": at, "conditions": at},
        "models": {"int8": model, "fp32": model | {"file": "cfrnet-rt.fp32.onnx"}},
        "timing": {"date": "2026-01-01", "machine": machine, "cycles": {"int8": cycle, "fp32": cycle}},
        "protocol": {
            "set": "faces300", "faces": 300, "found": 300, "means": means,
            "strength": thirds, "clean": {p: {"k1": 42.0, "k2": 39.0, "k3": 36.5} for p in ("int8", "fp32")},
        },
        "conditions": conditions, "video": {"office.mp4": flicker},
        "steadiness": {
            "date": "2026-01-01", "model": "ab" * 32, "clips": 10, "calls": shown,
            "videos": {"office.mp4": {"input": 0.5, "k = 3": 0.7, "k = 3, steady": 0.4}},
        },
    }  # fmt: skip


def verdicts(results: dict[str, Any]) -> dict[str, bool | None]:
    return {target.what.split(",")[0]: target.reached for target in judge_targets(results)}


@pytest.mark.parametrize(
    ("title", "state", "metric", "value", "missed"),
    [
        (
            CALL,
            "k3",
            "lpips_alex",
            0.19,
            {"call D: LPIPS (AlexNet) at k = 3", "call D: LPIPS (AlexNet) saved at k = 3"},
        ),
        (CALL, "k4", "psnr", 24.9, {"call D: PSNR at every k"}),
        (CALL, "k3", "eyes", 6.1, {"call D: colour difference of the irises at k = 3 (CIEDE2000)"}),
        (WEBCAM, "k3", "lpips_alex", 0.20, {"webcam D: LPIPS (AlexNet) at k = 3"}),
        (WEBCAM, "k3", "psnr", 24.4, {"webcam D: PSNR at k = 3"}),
        (SHORT_KERNEL, "k1", "psnr", 26.5, {"kernel cut off at 41 pixels: PSNR at its best k"}),
        (PAPER, "k3", "lpips_alex", 0.30, {"paper's D: LPIPS (AlexNet) saved at k = 3"}),
    ],
)
def test_a_missed_target_of_another_condition_is_called_missed(
    results: dict[str, Any], title: str, state: str, metric: str, value: float, missed: set[str]
) -> None:
    means = next(each for each in results["conditions"] if each["title"] == title)["means"]
    next(each for each in results["conditions"] if each["title"] == title)["means"] = means | {
        state: means[state] | {metric: value}
    }
    assert {what for what, reached in verdicts(results).items() if reached is False} == missed


def test_a_missed_target_of_videos_is_called_missed(results: dict[str, Any]) -> None:
    results["video"]["office.mp4"]["k3"] = 0.8
    results["steadiness"]["videos"]["office.mp4"]["k = 3, steady"] = 0.51
    results["steadiness"]["calls"]["k = 3, steady"] = {"lpips_alex": 0.161}
    missed = [target.what for target in judge_targets(results) if target.reached is False]
    assert [what.split(",")[0] for what in missed] == [
        "flicker of the videos", "flicker of the videos", "LPIPS (AlexNet) of videos with a truth"
    ]  # fmt: skip


def test_every_target_can_be_reached(results: dict[str, Any]) -> None:
    targets = judge_targets(results)
    assert [target.what for target in targets if target.reached is not True] == []
    assert len(targets) == 21
    assert targets[0].found == "+1.91 dB at k = 2"
    assert targets[1].found == "-65.0 %"


@pytest.mark.parametrize(
    ("state", "metric", "value", "missed"),
    [
        ("int8 k2", "psnr", 21.6, {"PSNR at its best k"}),
        ("int8 k3", "lpips_alex", 0.255, {"LPIPS (AlexNet) at k = 3"}),
        ("int8 k3", "lpips_vgg", 0.43, {"LPIPS (VGG16) at k = 3", "INT8 against FP32"}),
        ("int8 k1", "lpips_alex", 0.30, {"LPIPS (AlexNet)"}),
        ("int8 k4", "lpips_alex", 0.30, {"the knob", "INT8 against FP32"}),
        ("int8 k1", "psnr", 21.97, {"the knob"}),
        ("int8 step4", "step", 0.0181, {"step size at k = 4"}),
        ("int8 k4", "psnr", 21.0, {"INT8 against FP32"}),
        ("int8 k3", "blue", -1.6, {"colour shift"}),
    ],
)
def test_a_missed_target_is_called_missed(
    results: dict[str, Any], state: str, metric: str, value: float, missed: set[str]
) -> None:
    results["protocol"]["means"][state][metric] = value
    assert {what for what, reached in verdicts(results).items() if reached is False} >= missed


def test_what_was_not_measured_is_neither_reached_nor_missed(results: dict[str, Any]) -> None:
    results["timing"] = {}
    assert verdicts(results)["time of a cycle"] is None
    del results["conditions"], results["video"], results["steadiness"]
    assert sum(target.reached is None for target in judge_targets(results)) == 12
    results["protocol"]["clean"]["int8"]["k3"] = 30.9
    assert verdicts(results)["a clean face stays clean"] is False


def test_the_page_holds_every_table(results: dict[str, Any], tmp_path: Path) -> None:
    del results["video"]
    results["targets"] = [dataclasses.asdict(target) for target in judge_targets(results)]
    write_page(tmp_path / "results.md", results)
    page = (tmp_path / "results.md").read_text()
    for heading in ("Targets", "Quality at every k", "By strength", "A clean face", "INT8 minus FP32", "defined"):
        assert heading in page
    assert "ab" * 32 in page
    assert "| call D, `faces300` (300) | input | 25.00 | 0.400 | 0.500 | 6.00 |  |" in page
    assert "|  | 3 | 25.70 | 0.175 | 0.400 | 5.25 | 56.2 % |" in page
    assert "| protocol, conditions | 2026-01-01 | A processor (avx2), 2 cores | P 1 |" in page
    assert "| 2 | 21.91 | 0.600 | 0.295 | 0.415 | 0.0267 | 34.0 |" in page  # k = 2 with its step and two cycles' time
    assert "| 2 | -0.050 | +0.0000 | +0.0050 | +0.0050 |" in page
    assert "reached" in page
    assert "Left out of this run: video" in page
    widths = {}
    for line in page.splitlines():  # every row of a table is as wide as its heading
        if line.startswith("|"):
            widths.setdefault("table", line.count("|"))
            assert line.count("|") == widths["table"], line
        else:
            widths.clear()


def test_thirds_are_ordered_by_strength_and_share_no_face() -> None:
    collected = Collected()
    strength = PaperDegradation().strength
    values = [strength(PaperDegradation().draw(np.random.default_rng(i))) for i in range(30)]
    collected.add("input", {"strength": torch.tensor(values)})
    thirds = by_strength(30, collected)
    means = [thirds[name]["means"]["input"]["strength"] for name in ("mild", "middle", "hard")]
    assert means == sorted(means)
    assert sum(means) / 3 == pytest.approx(np.mean(values))
    assert [third["faces"] for third in thirds.values()] == [10, 10, 10]


def test_parts_come_back_in_order() -> None:
    assert each_part(lambda part: list(range(100))[part], 12) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    with pytest.raises(ZeroDivisionError):
        each_part(lambda part: 1 // (part.start - 5), 12)


def test_sheets_are_small_enough_to_open_quickly(tmp_path: Path) -> None:
    rows = np.stack([made_up_faces(6, seed=seed) for seed in range(8)])
    draw_sheet(tmp_path / "sheet.jpg", rows)
    draw_photos(tmp_path / "photos.jpg", rows[:5, :4])
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet.shape == (8 * 256 + 28, 6 * 256, 3)
    assert (tmp_path / "sheet.jpg").stat().st_size <= LARGEST_FILE
    assert cv2.imread(str(tmp_path / "photos.jpg")).shape == (2 * 160 + 28, 8 * 160, 3)


@pytest.fixture(scope="module")
def shipped() -> ShippedGenerator:
    return ShippedGenerator(MODELS_FOLDER / "cfrnet-rt.int8.onnx")


def test_the_shipped_network_is_cycled_on_its_own_output(shipped: ShippedGenerator) -> None:
    x = seeded_pairs(made_up_faces(2))[0].contiguous().numpy()
    columns = shipped.cycles(x, 2)
    assert len(columns) == 3
    np.testing.assert_array_equal(columns[0], x)
    np.testing.assert_array_equal(shipped.cycles(columns[1], 1)[1], columns[2])
    assert columns[2].dtype == np.float32
    assert not np.array_equal(columns[1], x)


def test_a_cycle_is_timed_only_on_an_idle_machine(shipped: ShippedGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    face = np.zeros((3, 256, 256), np.float32)
    monkeypatch.setattr("psutil.cpu_percent", lambda interval: 80.0)
    with pytest.raises(BusyMachineError, match="80 %"):
        shipped.time_a_cycle(face, threads=1)
    monkeypatch.setattr("psutil.cpu_percent", lambda interval: 0.0)
    timing = shipped.time_a_cycle(face, threads=1, cycles=3)
    assert 0.0 < timing.median_ms <= timing.p95_ms
    assert timing.cycles == 3


def test_a_quick_look_from_end_to_end(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*, skip: tuple[str, ...], sets: Path = DEFAULT_SETS) -> dict[str, Any]:
        return evaluate(
            models=MODELS_FOLDER, data=shared / "data", weights=shared / "weights", out=tmp_path, limit=2, skip=skip,
            sets=sets,
        )  # fmt: skip

    others = ("second", "calibration", "photos", "video")
    judged: list[Condition] = []

    def judge(condition: Condition, *arguments: Any) -> Collected:
        judged.append(condition)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return judge_condition(condition, *arguments)

    monkeypatch.setattr("training.evaluation.evaluate.judge_condition", judge)
    monkeypatch.setattr("training.evaluation.evaluate.CONDITIONS", CONDITIONS[-3:])
    with pytest.raises(KeyboardInterrupt):
        look(skip=others)
    first = json.loads((tmp_path / "results.json").read_text())
    assert [found["title"] for found in first["conditions"]] == [CONDITIONS[-3].title]
    assert set(first["measured"]) == {"protocol"}, "the conditions are not complete"
    monkeypatch.setattr(Judges, "protocol", lambda _: pytest.fail("it was measured already"))
    results = look(skip=others)
    assert results["protocol"] == first["protocol"]
    assert results["conditions"][0] == first["conditions"][0]
    assert judged == [CONDITIONS[-3], CONDITIONS[-2], *CONDITIONS[-2:]], "only what was not kept is judged again"
    assert set(results["measured"]) == {"protocol", "conditions"}
    assert json.loads((tmp_path / "results.json").read_text()) == results
    page = (tmp_path / "results.md").read_text()
    for precision in ("int8", "fp32"):
        digest = hashlib.sha256((MODELS_FOLDER / f"cfrnet-rt.{precision}.onnx").read_bytes()).hexdigest()
        assert digest in page
    assert "first 2 faces" in page
    means = results["protocol"]["means"]
    assert {f"{p} k{k}" for p in ("int8", "fp32") for k in range(1, 6)} <= set(means)
    assert means["int8 k3"]["lpips_alex"] < means["input"]["lpips_alex"]
    assert all(math.isfinite(value) for figures in means.values() for value in figures.values())
    for name in ("faces.jpg", "worst.jpg", "perception-distortion.png"):
        assert (tmp_path / "figures" / name).stat().st_size > 10_000
        assert name in page
    other = tmp_path / "other.toml"
    swapped = {"test/ffhq300": "test/celebahq200", "test/celebahq200": "test/ffhq300"}
    other.write_text(re.sub("|".join(swapped), lambda found: swapped[found[0]], DEFAULT_SETS.read_text()))
    with pytest.raises(FiguresInPlaceError, match="other test sets"):
        look(skip=(*others, "conditions"), sets=other)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ("second", "faces.second"),
        ("conditions", "faces.third"),
        ("calibration", "--faces"),
        ("photos", "--skip photos"),
        ("video", "--skip video"),
    ],
)
def test_what_a_list_of_sets_lacks_is_said_before_anything_is_measured(
    tmp_path: Path, section: str, named: str
) -> None:
    listing = tmp_path / "mine.toml"
    text = DEFAULT_SETS.read_text().replace("faces.second", "faces.other").replace("faces.third", "faces.another")
    listing.write_text(text)
    places = find_evaluation_data(tmp_path, listing)
    with pytest.raises(FaceFolderError, match=named):
        _expect_places(places, {section})
    for folder in (places.videos, *places.photos.values()):
        folder.mkdir(parents=True)
    _expect_places(places, {"photos", "video"})


def test_sets_that_one_name_would_stand_for_are_refused(tmp_path: Path) -> None:
    listing = tmp_path / "mine.toml"
    listing.write_text(DEFAULT_SETS.read_text().replace('"test/celebahq200"', '"others/ffhq300"'))
    with pytest.raises(FaceFolderError, match="2 sets of faces in folders called ffhq300"):
        find_evaluation_data(tmp_path, listing)


def test_a_network_may_have_any_name(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    (models / "training").mkdir(parents=True)
    for file in MODELS_FOLDER.glob("scrfd*.onnx"):
        shutil.copy(file, models)
    for precision in ("int8", "fp32"):
        shutil.copy(MODELS_FOLDER / f"cfrnet-rt.{precision}.onnx", models / f"mine.{precision}.onnx")
    shutil.copy(MODELS_FOLDER / "training" / "cfrnet-rt.pt", models / "training" / "mine.pt")
    write_manifest(models, trained={"mine": read_checkpoint(models / "training" / "mine.pt")})
    calibrated: list[str] = []

    def compare(network: str, *_: Any) -> dict[str, Any]:
        calibrated.append(network)
        raise KeyboardInterrupt

    monkeypatch.setattr("training.evaluation.evaluate.compare_methods", compare)
    monkeypatch.setattr(Judges, "protocol", lambda _: {})
    with pytest.raises(KeyboardInterrupt):
        evaluate(
            models=models, data=shared / "data", weights=shared / "weights", out=tmp_path, name="mine", limit=1,
            skip=("second", "conditions"),
        )  # fmt: skip
    assert calibrated == ["cfrnet-rt"], "as the family is found by the network, not by what it is called"


@pytest.mark.parametrize(
    ("name", "write"), [("results", write_page), ("comparison", write_comparison), ("ablations", write_ablations)]
)
def test_the_published_pages_say_what_their_figures_are(
    name: str, write: Callable[[Path, dict[str, Any]], None], tmp_path: Path
) -> None:
    published = DOCS / f"{name}.md"
    write(tmp_path / published.name, json.loads(published.with_suffix(".json").read_text()))
    assert (tmp_path / published.name).read_text() == published.read_text()


def test_the_published_targets_are_judged_by_the_published_figures() -> None:
    published = json.loads((DOCS / "results.json").read_text())
    assert published["targets"] == [dataclasses.asdict(target) for target in judge_targets(published)]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: f"{condition.title}, {condition.role}")
def test_no_face_of_a_condition_is_left_clean(condition: Condition) -> None:
    """Or one face's PSNR, which is without bound, decides on the mean."""
    face, degrade = made_up_faces(1)[0], condition.make()
    assert not any(np.array_equal(degrade(face, np.random.default_rng(seed)), face) for seed in range(20))


def test_calibration_methods_are_judged_as_they_would_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []

    def record(_: Path, __: Path, ___: Any, method: str, *, network: str) -> None:
        made.append((method, network))

    monkeypatch.setattr(calibration, "quantize_on", record)
    monkeypatch.setattr(calibration, "ShippedGenerator", lambda path: path)
    monkeypatch.setattr(calibration, "_judge", lambda *_: {})
    fp32: Any = SimpleNamespace(path=Path("fp32.onnx"))
    compare: Any = calibration.compare_methods
    assert set(compare("cfrnet", fp32, None, None, None)) == {"fp32", "minmax", "entropy", "percentile"}
    assert made == [(method, "cfrnet") for method in CALIBRATION_METHODS]
