"""Measure the shipped networks and write docs/results.md with its figures, whole.

`python -m training evaluate --models models --data ../shared/data --weights ../shared/weights --out docs`

The application's ONNX files are measured, INT8 and FP32. Nothing is chosen here: choices are made on the validation
split. Sections that results.json has of the same files are kept, `--afresh` measures them again. `--limit N` measures
the first N faces of a set only; `--timing` measures the milliseconds of a cycle and needs an idle machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.machine import describe_machine, usable_cores
from app.faces.detector import FaceDetector
from app.media.files import replace_json
from app.restorers.store import ModelStore
from training.checkpoint import read_checkpoint
from training.data import FaceFolderError, load_faces, seeded_pairs, to_images, to_tensor
from training.degradation.models import PaperDegradation
from training.evaluation.calibration import compare_methods
from training.evaluation.comparison import compare_networks
from training.evaluation.conditions import CONDITIONS, judge_condition
from training.evaluation.pages.figures import draw_photos, draw_sheet, draw_trade_off
from training.evaluation.pages.results import write_page
from training.evaluation.parallel import each_part, keep_freed_memory
from training.evaluation.shipped import PACKAGES, ShippedGenerator
from training.evaluation.targets import judge_targets
from training.evaluation.test_sets import (
    DEFAULT_SETS,
    EvaluationData,
    TestSet,
    add_places,
    find_evaluation_data,
    read_figures,
    read_json,
    read_test_set,
)
from training.evaluation.videos.real_world import judge_photos, judge_videos
from training.metrics.pictures import psnr, step_size
from training.metrics.scoring import Collected, Scorer, Scores

CYCLES = 5
CLEAN_CYCLES = 3
SPECIMENS = 8
SHEET_FACES = 8
PRECISIONS = ("int8", "fp32")
SECTIONS = ("second", "conditions", "calibration", "photos", "video")

Images = NDArray[np.uint8]


def judge_set(
    test: TestSet, generators: dict[str, ShippedGenerator], cycles: int, scorer: Scorer, title: str
) -> Collected:
    """Return scores under "input", "truth", "int8 k1" and so on; FP32 without those that `Scorer.score` calls full.

    "int8 step2" is the step out of state 2; state 0 is the degraded face.
    """
    degraded, _ = seeded_pairs(test.images)

    def judge(part: slice) -> dict[str, Scores]:
        truth = scorer.truth(test.images[part], test.landmarks[part])
        given = degraded[part].numpy()
        found = {
            "input": scorer.score(to_images(given), truth, full=True),
            "truth": scorer.texture(truth.images),
        }
        for precision, generator in generators.items():
            columns = generator.cycles(given, cycles)
            for k in range(1, cycles + 1):
                found[f"{precision} k{k}"] = scorer.score(to_images(columns[k]), truth, full=precision == "int8")
                step = step_size(torch.from_numpy(columns[k]), torch.from_numpy(columns[k - 1]))
                found[f"{precision} step{k - 1}"] = {"step": step}
        return found

    collected = Collected()
    for found in each_part(judge, len(test.images), title=title):
        for name, scores in found.items():
            collected.add(name, scores)
    return collected


def judge_clean(test: TestSet, generator: ShippedGenerator) -> dict[str, float]:
    """Return the mean PSNR(G^k(y), y) for k = 1..3: how well a clean face is preserved."""

    def judge(part: slice) -> list[torch.Tensor]:
        clean = to_tensor(test.images[part])
        columns = generator.cycles(clean.contiguous().numpy(), CLEAN_CYCLES)
        return [psnr(torch.from_numpy(column), clean) for column in columns[1:]]

    by_k = zip(*each_part(judge, len(test.images)), strict=True)
    return {f"k{k}": float(torch.cat(values).mean()) for k, values in enumerate(by_k, start=1)}


def _specimens(test: TestSet, generator: ShippedGenerator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return degraded and restored faces (k = 3) and their truth, for checking LPIPS in bfloat16."""
    degraded, clean = seeded_pairs(test.images[:SPECIMENS])
    restored = torch.from_numpy(generator.cycles(degraded.numpy(), 3)[-1])
    return torch.cat((degraded, restored)), torch.cat((clean, clean))


def by_strength(count: int, collected: Collected) -> dict[str, Any]:
    """Return INT8's means over the mild, middle and hard third of the seeded degradations."""
    degradation = PaperDegradation()
    drawn = [degradation.draw(np.random.default_rng(index)) for index in range(count)]
    order = np.argsort([degradation.strength(parameters) for parameters in drawn], kind="stable")
    thirds = {}
    for name, chosen in zip(("mild", "middle", "hard"), np.array_split(order, 3), strict=True):
        members = [drawn[index] for index in chosen]
        if not members:  # fewer than three faces
            continue
        thirds[name] = {
            "faces": len(chosen),
            "blur_sigma": float(np.mean([p.blur_sigma for p in members])),
            "ratio": float(np.mean([p.ratio for p in members])),
            "means": collected.means(chosen),
        }
    return thirds


def rows_of(test: TestSet, chosen: NDArray[np.int64], generator: ShippedGenerator) -> Images:
    """Return contact sheet rows: input, k = 1..4, truth; uint8 (N, 6, 256, 256, 3) BGR."""
    degrade = PaperDegradation()
    given = np.stack([degrade(test.images[i], np.random.default_rng(int(i))) for i in chosen])
    columns = generator.cycles(to_tensor(given).contiguous().numpy(), 4)
    return np.stack([*map(to_images, columns), test.images[chosen]], axis=1)


class Judges:
    """What measures the sections of the page: each of `SECTIONS` is a method that returns figures for JSON."""

    def __init__(
        self, network: str, places: EvaluationData, detector: FaceDetector, generators: dict[str, ShippedGenerator],
        scorer: Scorer, *, figures: Path, limit: int | None,
    ) -> None:  # fmt: skip
        """`network` as `training.networks` calls it, `figures`: the folder of the page's pictures."""
        self._network = network
        self._places, self._detector, self._scorer = places, detector, scorer
        self._generators, self._int8 = generators, generators["int8"]
        self._figures, self._limit = figures, limit
        self._read: dict[str, TestSet] = {}

    def test_set(self, role: str) -> TestSet:
        """Read a test set, once."""
        if role not in self._read:
            self._read[role] = read_test_set(self._places.faces[role].folder, self._detector, self._limit)
        return self._read[role]

    def protocol(self) -> dict[str, Any]:
        test = self.test_set("protocol")
        collected = judge_set(test, self._generators, CYCLES, self._scorer, self._places.faces["protocol"].name)
        section = self._section("protocol", collected)
        evenly = np.linspace(0, len(test.images) - 1, min(SHEET_FACES, len(test.images))).astype(int)
        worst = np.argsort(-collected.values("int8 k3")["lpips_alex"].numpy(), kind="stable")[: SHEET_FACES // 2]
        draw_sheet(self._figures / "faces.jpg", rows_of(test, evenly, self._int8))
        draw_sheet(self._figures / "worst.jpg", rows_of(test, worst, self._int8))
        draw_trade_off(self._figures / "perception-distortion.png", section["means"], CYCLES)
        return section | {
            "strength": by_strength(len(test.images), collected),
            "clean": {precision: judge_clean(test, generator) for precision, generator in self._generators.items()},
        }

    def second(self) -> dict[str, Any]:
        name = self._places.faces["second"].name
        scores = judge_set(self.test_set("second"), {"int8": self._int8}, CYCLES - 1, self._scorer, name)
        return self._section("second", scores)

    def conditions(self, found: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Yield the conditions measured so far after each one; those in `found` are not measured again."""
        for condition in CONDITIONS[len(found) :]:
            test = self.test_set(condition.role)
            scores = judge_condition(condition, test.images, test.landmarks, self._int8, self._scorer)
            section = self._section(condition.role, scores)
            found = [*found, {"title": condition.title, "role": condition.role, **section}]
            yield found

    def photos(self) -> dict[str, Any]:
        means, rows = judge_photos(self._places.photos, self._detector, self._int8, self._scorer, self._limit)
        draw_photos(self._figures / "photos.jpg", rows)
        return means

    def video(self) -> dict[str, Any]:
        return judge_videos(self._places.videos, self._detector, self._int8, self._limit)

    def calibration(self) -> dict[str, Any]:
        training, validation = load_faces(self._places.validation)
        chosen = dataclasses.replace(
            validation, images=validation.images[: self._limit], landmarks=validation.landmarks[: self._limit]
        )
        means = compare_methods(self._network, self._generators["fp32"], training, chosen, self._scorer)
        return {"faces": len(chosen), "means": means}

    def _section(self, role: str, scores: Collected) -> dict[str, Any]:
        place, test = self._places.faces[role], self.test_set(role)
        return {
            "set": place.name, "note": place.note, "faces": len(test.images), "found": test.found,
            "means": scores.means(),
        }  # fmt: skip


def _expect_places(places: EvaluationData, sections: Collection[str]) -> None:
    """Raise FaceFolderError for what one of `sections` would lack, before the first of them is measured for hours."""
    for role, section in (("second", "second"), ("third", "conditions")):
        if role not in places.faces and section in sections:
            raise FaceFolderError(
                f"the list of test sets has no faces.{role}; add them, or leave the section out: --skip {section}"
            )
    for section, folders in (("photos", places.photos.values()), ("video", (places.videos,))):
        for folder in folders if section in sections else ():
            if not folder.is_dir():
                raise FaceFolderError(f"there is no folder {folder}; add it, or leave it out: --skip {section}")
    if "calibration" in sections and not (places.validation / "landmarks.csv").is_file():
        raise FaceFolderError(
            f"{places.validation} holds no training faces; name their folder (--faces), or leave the comparison of "
            "calibration methods out: --skip calibration"
        )


def evaluate(
    *, models: Path, data: Path, weights: Path, out: Path, name: str = "cfrnet-rt", limit: int | None = None,
    timing: bool = False, skip: tuple[str, ...] = (), faces: Path | None = None, sets: Path = DEFAULT_SETS,
    afresh: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Measure, write `out`/results.md, results.json and figures/, and return what results.json holds.

    A section that `out`/results.json has of the same files is kept unless `afresh` is set; one in `skip` is not
    measured anew. results.json is written after each section and each condition, so that an evaluation that was
    stopped goes on there.

    `sets` lists the test sets below `data`, see `training.evaluation.test_sets`; `faces` replaces its training faces.

    Raises AppError for models that are missing or not the manifest's, FaceFolderError and FileNotFoundError for data,
    weights or the state in `models`/training that are missing, BusyMachineError for a time that cannot be taken,
    FiguresInPlaceError for an `out` with the figures of more faces, other sets of faces or another network.
    """
    store = ModelStore(models)
    generators = {precision: ShippedGenerator(store.path(name, precision)) for precision in PRECISIONS}
    described = {precision: _describe(generator) for precision, generator in generators.items()}
    places = find_evaluation_data(data, sets)
    if faces is not None:
        places = dataclasses.replace(places, validation=faces)
    earlier = read_figures(out / "results.json", limit=limit, network=name, sets=places.names)
    if earlier.get("models") != described:
        earlier = {}
    kept = set() if afresh else set(earlier.get("measured", ()))
    _expect_places(places, set(SECTIONS) - kept - set(skip))
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    network = read_checkpoint(models / "training" / f"{name}.pt")["network"]
    scorer = Scorer(weights)
    detector = FaceDetector(*store.detectors())
    judges = Judges(network, places, detector, generators, scorer, figures=figures, limit=limit)
    test = judges.test_set("protocol")
    results: dict[str, Any] = {
        "network": name,
        "limit": limit,
        "models": described,
        "sets": places.names,
        # Before anything else, because the rest keeps the cores busy.
        "timing": _timing(generators, test) if timing else earlier.get("timing", {}),
        "measured": dict(earlier.get("measured", {})),
        **{section: earlier[section] for section in ("protocol", *SECTIONS) if section in earlier},
    }
    scorer.check_bfloat16(*_specimens(test, generators["int8"]))
    for section in ("protocol", *SECTIONS):
        if section in skip or (section in results["measured"] and not afresh):
            continue
        results["measured"].pop(section, None)
        if section == "conditions":  # three quarters of an hour: each is kept as soon as it is measured
            for so_far in judges.conditions([] if afresh else results.get(section, [])):
                results[section] = so_far
                replace_json(out / "results.json", results)
        else:
            results[section] = getattr(judges, section)()
        results["measured"][section] = _circumstances(scorer)
        replace_json(out / "results.json", results)
    # Figures belong to the file that they were measured on.
    for section, precision in (("steadiness", "int8"), ("half", "fp32")):
        found = read_json(out / f"{section}.json")
        if found.get("model") == generators[precision].sha256 and found.get("limit") == limit:
            results[section] = found
    results["targets"] = [dataclasses.asdict(target) for target in judge_targets(results)]
    replace_json(out / "results.json", results)
    write_page(out / "results.md", results)
    return results


def _circumstances(scorer: Scorer) -> dict[str, Any]:
    """Return when, where and how a section is measured: date, machine, and LPIPS-V's precision."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine(PACKAGES),
        "bfloat16": {"used": scorer.bfloat16, "mean_difference": scorer.bfloat16_difference},
    }


def _timing(generators: dict[str, ShippedGenerator], test: TestSet) -> dict[str, Any]:
    """Measure the milliseconds of a cycle in every precision."""
    face = to_tensor(test.images[:1])[0].contiguous().numpy()
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    taken = {p: dataclasses.asdict(g.time_a_cycle(face, threads=usable_cores())) for p, g in generators.items()}
    return {"date": now, "machine": describe_machine(PACKAGES), "cycles": taken}


def _describe(generator: ShippedGenerator) -> dict[str, Any]:
    return {"file": generator.path.name, "sha256": generator.sha256, "bytes": generator.path.stat().st_size}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the shipped networks and write docs/results.md.")
    add_places(parser)
    parser.add_argument(
        "--faces", type=Path, help="training faces whose validation split judges calibration; those of the list"
    )
    parser.add_argument("--name", default="cfrnet-rt", help="the network to measure")
    parser.add_argument("--limit", type=int, help="measure the first N faces of every set only")
    parser.add_argument("--timing", action="store_true", help="measure the time of a cycle; the machine must be idle")
    parser.add_argument("--all", action="store_true", help="also compare every shipped network: docs/comparison.md")
    parser.add_argument("--afresh", action="store_true", help="measure again what results.json has of these files")
    parser.add_argument("--skip", nargs="*", choices=SECTIONS, default=(), help="sections to leave out")
    options = vars(parser.parse_args())
    options["skip"] = tuple(options["skip"])
    everything = options.pop("all")
    shared = {name: options[name] for name in ("models", "data", "sets", "weights", "out", "limit", "timing", "afresh")}
    keep_freed_memory()
    results = evaluate(**options)
    if everything:
        compare_networks(**shared)
        print(f"wrote {options['out'] / 'comparison.md'}")
    reached = sum(target["reached"] is True for target in results["targets"])
    print(f"wrote {options['out'] / 'results.md'}: {reached} of {len(results['targets'])} targets reached")
