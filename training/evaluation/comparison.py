"""Comparison of every shipped network with the input and two classical methods, on every test set, in one page.

Uint8 crops go through the application's own restorers and the shipped files, as in the application.
"""

from __future__ import annotations

import datetime
import statistics
import threading
from collections.abc import Callable, Sequence
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
from app.restorers.family import Restorer
from app.restorers.store import ModelStore
from training.degradation.hifacegan import SUB_TASKS, renovation
from training.degradation.models import PaperDegradation
from training.degradation.operators import Degradation
from training.evaluation.cost import cost_of
from training.evaluation.pages.comparison import write_comparison
from training.evaluation.parallel import each_part
from training.evaluation.shipped import PACKAGES
from training.evaluation.test_sets import DEFAULT_SETS, find_evaluation_data, read_test_set
from training.log import training_time
from training.metrics.scoring import Collected, Scorer, Scores
from training.networks.pfsrnet import INPUT_SIDE

Images = NDArray[np.uint8]

SUB_TASK_FACES = 100

_TIMED = 9


@dataclass(frozen=True, kw_only=True)
class Method:
    """One row of the table or several: `restore` maps a crop, uint8 (256, 256, 3) BGR, to one for each row."""

    name: str
    rows: tuple[str, ...]
    restore: Callable[[Image], Sequence[Image]]
    details: dict[str, Any] = field(default_factory=dict)


def compare_networks(
    *, models: Path, data: Path, weights: Path, out: Path, sets: Path = DEFAULT_SETS, limit: int | None = None,
    timing: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Measure every shipped network; write `out`/comparison.md and comparison.json, and return what the latter holds.

    `sets` lists the test sets below `data`, see `training.evaluation.test_sets`.

    Raises as `training.evaluation.evaluate.evaluate` does.
    """
    places = find_evaluation_data(data, sets).faces
    store = ModelStore(models)
    detector = FaceDetector(*store.detector_paths())
    networks = shipped_methods(store, timing=timing)  # before anything else: what follows keeps the cores busy
    methods = [*simple_methods(), *networks]
    scorer = Scorer(weights, shift_tolerant=True)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine(PACKAGES),
        "limit": limit,
        "networks": {method.name: method.details for method in networks},
        "protocol": places["protocol"].name,
        "sets": {},
        "sub_tasks": {},
    }
    for place in places.values():
        test = read_test_set(place.folder, detector, limit)
        scores = compare(methods, test.images, test.landmarks, PaperDegradation(), scorer, title=place.name)
        results["sets"][place.name] = {"faces": len(test.images), "means": scores.means()}
    test = read_test_set(places["protocol"].folder, detector, min(limit or SUB_TASK_FACES, SUB_TASK_FACES))
    results["sub_task_faces"] = len(test.images)
    for task, degrade in {**SUB_TASKS, "FR": renovation}.items():
        scores = compare(methods, test.images, test.landmarks, degrade, scorer, title=task)
        results["sub_tasks"][task] = scores.means()
    replace_json(out / "comparison.json", results)
    write_comparison(out / "comparison.md", results)
    return results


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
        Method(name="input", rows=("input",), restore=lambda crop: (crop,)),
        Method(name="bicubic from 16x16", rows=("bicubic from 16x16",), restore=lambda crop: (bicubic(crop),)),
        Method(
            name="non-local means, unsharp mask",
            rows=("non-local means, unsharp mask",),
            restore=lambda crop: (classical(crop),),
        ),
    ]


def shipped_methods(store: ModelStore, *, timing: bool) -> list[Method]:
    """Return every restorer of the manifest at every k, in the precision that the application prefers.

    `timing` adds the median milliseconds of one cycle in every precision that ships; the machine must be idle.
    """
    methods = []
    for shipped in store.restorers():
        low, high = shipped.k_range
        cycles = range(low, high + 1)
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
        if timing:
            details["ms"] = {p: _time(store.create_restorer(shipped.name, p)) for p in shipped.precisions}
        methods.append(
            Method(
                name=shipped.name,
                rows=tuple(shipped.name if low == high else f"{shipped.name} k = {k}" for k in cycles),
                restore=_OwnRestorer(store, shipped.name, entry.precision, cycles),
                details=details,
            )
        )
    return methods


def compare(
    methods: Sequence[Method], images: Images, landmarks: NDArray[np.float32], degrade: Degradation, scorer: Scorer,
    *, title: str,
) -> Collected:  # fmt: skip
    """Score every row on `images`, uint8 (N, 256, 256, 3) BGR, degraded with the picture's index as the seed.

    landmarks: float32 (N, 5, 2), pixels.
    """

    def judge(part: slice) -> dict[str, Scores]:
        truth = scorer.truth(images[part], landmarks[part])
        indices = range(part.start, part.start + len(truth.images))
        given = [degrade(images[i], np.random.default_rng(i)) for i in indices]
        found = {}
        for method in methods:
            columns = zip(*(method.restore(crop) for crop in given), strict=True)
            for row, column in zip(method.rows, columns, strict=True):
                found[row] = scorer.score(np.stack(column), truth, full=True)
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


def _time(restorer: Restorer) -> float:
    restorer.warm_up()
    return statistics.median(restorer.warm_up() for _ in range(_TIMED))
