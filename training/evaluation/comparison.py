"""Comparison of every shipped network with the input and two classical methods, on every test set, in one page.

`python -m training compare --data ../shared/data --weights ../shared/weights --out docs`, or `evaluate --all`

Uint8 crops go through the application's own restorers and the shipped files, as in the application. It takes an hour on
two cores, so figures are written after every set and belong to the SHA-256 of a file: a second run measures only what
is missing, or files that have changed.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.machine import describe_machine
from app.core.types import Image
from app.faces.detector import FaceDetector
from app.media.files import replace_json
from app.restorers.base import EngineOptions, VerifiedModel
from app.restorers.family import Restorer
from app.restorers.store import ModelStore, ShippedRestorer
from training.checkpoint import load_generator
from training.degradation.hifacegan import SUB_TASKS, renovation
from training.degradation.models import PaperDegradation
from training.degradation.operators import Degradation
from training.evaluation.cost import cost_of
from training.evaluation.pages.comparison import write_comparison
from training.evaluation.pages.figures import draw_comparison
from training.evaluation.parallel import each_part, keep_freed_memory
from training.evaluation.shipped import PACKAGES, refuse_busy_machine
from training.evaluation.test_sets import (
    DEFAULT_SETS,
    FaceFolder,
    TestSet,
    add_places,
    find_evaluation_data,
    read_figures,
    read_test_set,
)
from training.log import training_time
from training.metrics.scoring import Collected, Scorer, Scores
from training.networks.pfsrnet import INPUT_SIDE
from training.shipping.export import export_onnx

Images = NDArray[np.uint8]

SUB_TASK_FACES = 100
SHEET_FACES = 8

_TIMED = 9


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table or several: `restore` maps a crop, uint8 (256, 256, 3) BGR, to one for each row.

    `identity` changes when the method gives other pictures: a network's is its file's SHA-256.
    """

    name: str
    rows: tuple[str, ...]
    restore: Callable[[Image], Sequence[Image]]
    identity: str
    details: dict[str, Any] = field(default_factory=dict)


def compare_networks(
    *, models: Path, data: Path, weights: Path, out: Path, sets: Path = DEFAULT_SETS, limit: int | None = None,
    timing: bool = False, afresh: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Measure every shipped network; write `out`/comparison.md and comparison.json, and return what the latter holds.

    `sets` lists the test sets below `data`, see `training.evaluation.test_sets`. Figures of unchanged files that
    `out`/comparison.json has, measured with these libraries, are kept unless `afresh` is set; those of other files
    and other sets are dropped.

    Raises as `training.evaluation.evaluate.evaluate` does.
    """
    places = find_evaluation_data(data, sets).faces
    store = ModelStore(models)
    detector = FaceDetector(*store.detector_paths())
    machine = describe_machine(PACKAGES)
    found = read_figures(out / "comparison.json", limit=limit)
    earlier = {} if afresh else _of_these_libraries(found, machine)
    # Before anything else, because the rest keeps the cores busy.
    timed = time_networks(store) if timing else {}
    shipped = shipped_methods(store)
    networks = {method.name: method.details for method in shipped}
    methods = [*simple_methods(), *shipped]
    of = {row: method.identity for method in methods for row in method.rows}
    kept = _still_valid(earlier, of, places)
    scorer = Scorer(weights, shift_tolerant=True)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine,
        "limit": limit,
        "networks": networks,
        "timing": timed or _kept_times(earlier, networks),
        "protocol": places["protocol"].name,
        **kept,
    }

    def measure(kind: str, name: str, test: TestSet, degrade: Degradation, *, full: bool, **more: str) -> None:
        section = _brought_up_to_date(
            results[kind].get(name, {}), methods, test, degrade, scorer, full=full, title=name, date=results["date"]
        )
        results[kind][name] = {**more, **section}
        replace_json(out / "comparison.json", results)
        write_comparison(out / "comparison.md", results)

    test = read_test_set(places["protocol"].folder, detector, min(limit or SUB_TASK_FACES, SUB_TASK_FACES))
    _draw(out / "figures" / "comparison.jpg", methods, test)
    for place in places.values():
        faces = read_test_set(place.folder, detector, limit)
        measure("sets", place.name, faces, PaperDegradation(), full=True, note=place.note)
    for task, degrade in {**SUB_TASKS, "FR": renovation}.items():
        measure("sub_tasks", task, test, degrade, full=False, set=places["protocol"].name)
    return results


def _of_these_libraries(found: dict[str, Any], machine: Mapping[str, str]) -> dict[str, Any]:
    """Return an earlier comparison, or nothing where other libraries were used."""
    return found if found and found["machine"]["packages"] == machine["packages"] else {}


def _still_valid(
    earlier: Mapping[str, Any], of: Mapping[str, str], places: Mapping[str, FaceFolder]
) -> dict[str, dict[str, Any]]:
    """Return the earlier sets and sub-tasks without the rows of methods that changed (`of`), and of other sets."""

    def valid(section: Mapping[str, Any]) -> dict[str, Any]:
        rows = [row for row in section.get("dates", ()) if section["of"].get(row) == of.get(row)]
        return {**section, **{key: {row: section[key][row] for row in rows} for key in ("of", "dates", "means")}}

    names, protocol = {place.name for place in places.values()}, places["protocol"].name
    sets, tasks = earlier.get("sets", {}), earlier.get("sub_tasks", {})
    return {
        "sets": {name: valid(section) for name, section in sets.items() if name in names},
        "sub_tasks": {name: valid(section) for name, section in tasks.items() if section.get("set") == protocol},
    }


def _kept_times(earlier: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the earlier times of the `networks` whose files have not changed."""
    timing = earlier.get("timing", {})
    kept = {
        name: times
        for name, times in timing.get("ms", {}).items()
        if name in networks and earlier["networks"].get(name, {}).get("sha256") == networks[name]["sha256"]
    }
    return {**timing, "ms": kept} if kept else {}


def _brought_up_to_date(
    earlier: Mapping[str, Any], methods: Sequence[Method], test: TestSet, degrade: Degradation, scorer: Scorer, *,
    full: bool, title: str, date: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the section of a test set: faces, and of every row the mean of every metric, what it is `of` and its date.

    `date` is that of rows that have to be measured; others keep theirs.
    """
    known = earlier["of"] if earlier.get("faces") == len(test.images) else {}
    of = {row: method.identity for method in methods for row in method.rows}
    missing = [method for method in methods if any(known.get(row) != of[row] for row in method.rows)]
    found = {}
    if missing:
        found = compare(missing, test.images, test.landmarks, degrade, scorer, full=full, title=title).means()
    return {
        "faces": len(test.images),
        "of": of,
        "dates": {row: date if row in found else earlier["dates"][row] for row in of},
        "means": {row: found[row] if row in found else earlier["means"][row] for row in of},
    }


def _draw(path: Path, methods: Sequence[Method], test: TestSet) -> None:
    """Write the contact sheet: some faces degraded, as every row makes them, and as they are."""
    degrade = PaperDegradation()
    chosen = np.linspace(0, len(test.images) - 1, min(SHEET_FACES, len(test.images))).astype(int)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for i in chosen:
        given = degrade(test.images[i], np.random.default_rng(int(i)))
        lines.append([*(face for method in methods for face in method.restore(given)), test.images[i]])
    draw_comparison(path, [*(row for method in methods for row in method.rows), "truth"], np.asarray(lines, np.uint8))


def bicubic(crop: Image) -> Image:
    """The crop averaged down to the 16x16 pixels that PFSRNet sees and enlarged again: its baseline."""
    small = cv2.resize(crop, (INPUT_SIDE, INPUT_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def classical(crop: Image) -> Image:
    """Non-local means against noise and blocks, then an unsharp mask, as picture editors offer."""
    calm = cv2.fastNlMeansDenoisingColored(crop, None, 5, 5, 5, 15)
    soft = cv2.GaussianBlur(calm, (0, 0), 3.0)
    return np.asarray(cv2.addWeighted(calm, 1.8, soft, -0.8, 0), np.uint8)


def simple_methods() -> list[Method]:
    """Return the methods without a network."""
    return [
        Method(name=name, rows=(name,), restore=restore, identity=name)
        for name, restore in (
            ("input", lambda crop: (crop,)),
            ("bicubic from 16x16", lambda crop: (bicubic(crop),)),
            ("non-local means, unsharp mask", lambda crop: (classical(crop),)),
        )
    ]


def shipped_methods(store: ModelStore) -> list[Method]:
    """Return every restorer of the manifest at every k that says something, as the application runs it."""
    methods = []
    for shipped in store.restorers():
        low, high = shipped.k_range
        # A network for a single pass is fed its result once more, to show how far it drifts.
        cycles = range(low, (high if shipped.family.fixed_point else min(high, 2)) + 1)
        entry = store.entry(shipped.name, shipped.precisions[0])
        cost = cost_of(entry.path)
        minutes, steps = training_time(store.folder, shipped.name)
        details: dict[str, Any] = {
            "precision": entry.precision,
            "sha256": entry.sha256,
            "parameters": cost.parameters,
            "macs": cost.macs,
            "minutes": minutes,
            "steps": steps,
        }
        methods.append(
            Method(
                name=shipped.name,
                rows=tuple(shipped.name if low == high else f"{shipped.name} k = {k}" for k in cycles),
                restore=_OwnRestorer(store, shipped.name, entry.precision, cycles),
                identity=entry.sha256,
                details=details,
            )
        )
    return methods


def compare(
    methods: Sequence[Method], images: Images, landmarks: NDArray[np.float32], degrade: Degradation, scorer: Scorer,
    *, full: bool, title: str,
) -> Collected:  # fmt: skip
    """Score every row on `images`, uint8 (N, 256, 256, 3) BGR, degraded with the picture's index as the seed.

    landmarks: float32 (N, 5, 2), pixels. Without `full` only PSNR and LPIPS-AlexNet are computed, a tenth of the time.
    """

    def scoring(part: slice) -> Callable[[Images], Scores]:
        if full:
            truth = scorer.truth(images[part], landmarks[part])
            return lambda pictures: scorer.score(pictures, truth, full=True)
        sketch = scorer.sketch(images[part])
        return lambda pictures: scorer.glance(pictures, sketch)

    def judge(part: slice) -> dict[str, Scores]:
        score = scoring(part)
        indices = range(part.start, part.stop)
        given = [degrade(images[i], np.random.default_rng(i)) for i in indices]
        found = {}
        for method in methods:
            columns = zip(*(method.restore(crop) for crop in given), strict=True)
            for row, column in zip(method.rows, columns, strict=True):
                found[row] = score(np.stack(column))
        return found

    collected = Collected()
    for found in each_part(judge, len(images), title=title):
        for row, scores in found.items():
            collected.add(row, scores)
    return collected


class _OwnRestorer:
    """A restorer for each thread, since restorers are not thread-safe."""

    def __init__(self, store: ModelStore, name: str, precision: str, cycles: range) -> None:
        self._store, self._name, self._precision, self._cycles = store, name, precision, cycles
        self._of_thread = threading.local()

    def __call__(self, crop: Image) -> list[Image]:
        if not hasattr(self._of_thread, "restorer"):
            self._of_thread.restorer = self._store.create_restorer(self._name, self._precision, threads=1)
        restorer: Restorer = self._of_thread.restorer
        return [restorer.restore(crop, k=k).image for k in self._cycles]


def time_networks(store: ModelStore) -> dict[str, Any]:
    """Return the median milliseconds of a cycle of every restorer in FP32 and every precision that ships, in one run.

    Raises BusyMachineError on a busy machine.
    """
    refuse_busy_machine()
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine(PACKAGES),
        "ms": {shipped.name: _milliseconds(store, shipped) for shipped in store.restorers()},
    }


def _milliseconds(store: ModelStore, shipped: ShippedRestorer) -> dict[str, float]:
    """Return the median time of a cycle by precision. FP32 that does not ship is exported from the training state."""
    taken = {p: _time(store.create_restorer(shipped.name, p)) for p in shipped.precisions}
    state = store.folder / "training" / f"{shipped.name}.pt"
    if "fp32" not in taken and state.is_file():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{shipped.name}.fp32.onnx"
            export_onnx(load_generator(state), file)
            model = VerifiedModel(
                name=shipped.name, precision="fp32", k_range=shipped.k_range, file=file.name, content=file.read_bytes()
            )
            taken["fp32"] = _time(shipped.family.create(shipped.family, model, EngineOptions()))
    return taken


def _time(restorer: Restorer) -> float:
    restorer.warm_up()
    return statistics.median(restorer.warm_up() for _ in range(_TIMED))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every shipped network and write docs/comparison.md.")
    add_places(parser)
    parser.add_argument("--limit", type=int, help="measure the first N faces of every set only")
    parser.add_argument("--timing", action="store_true", help="measure the time of a pass; the machine must be idle")
    parser.add_argument("--afresh", action="store_true", help="measure unchanged networks again, too")
    options = parser.parse_args()
    keep_freed_memory()
    compare_networks(**vars(options))
    print(f"wrote {options.out / 'comparison.md'}")
