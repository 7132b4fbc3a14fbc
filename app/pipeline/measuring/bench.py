"""Measuring this machine: the time of a cycle, and of everything else in a live session.

Shared by `main.py bench` and the scripts in `benchmarks/`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.errors import AppError, InferenceError
from app.core.machine import describe_machine
from app.core.settings import Settings
from app.core.types import Timings
from app.core.words import joined, number, padded, phrase, tr
from app.pipeline.capture.status import SourceStatus
from app.pipeline.live.events import Notice
from app.pipeline.live.session import LiveSession
from app.pipeline.measuring.offer import AFFORDED_FPS
from app.pipeline.measuring.scene import MOVING_FACE, MovingFaceScene, MovingFaceSource
from app.pipeline.measuring.stages import percentiles, stage_statistics
from app.restorers.base import EngineOptions
from app.restorers.family import Restorer
from app.restorers.providers import PROVIDERS, available_providers
from app.restorers.store import SHIPPED, ModelStore, ShippedRestorer
from app.sources.base import Source, SourceSpec

SOURCE_FPS = 30.0
"""Rate of the moving face: a webcam's."""

AFFORDED_KS = (1, 2, 3)
"""The numbers of cycles for which is said what is affordable."""

Progress = Callable[[str], None]

_START_TIMEOUT_S = 60.0
_SETTLE_S = 1.0
_FEWEST_FRAMES = 2
"""Frames needed for a rate; a machine too slow for them in the given time is measured for longer."""


def quiet(text: str) -> None:
    """A Progress that prints nothing."""


def run_benchmark(
    store: ModelStore,
    *,
    threads: int = 0,
    repeats: int = 40,
    seconds: float = 5.0,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Measure this machine, ready for JSON: machine, cycles, pipeline and what is affordable.

    `repeats` cycles of each network and at least `seconds` of live session for each k are measured. Raises AppError.
    """
    machine = describe_machine()
    cycles = measure_cycles(store, threads=threads, repeats=repeats, progress=progress)
    pipeline = measure_pipeline(store, threads=threads, seconds=seconds, progress=progress)
    overhead_ms = next(iter(pipeline.values()))["overhead_ms_p50"]
    return {
        "machine": machine,
        "cycles": cycles,
        "pipeline": pipeline,
        "affordable": affordable(store.restorers(), cycles, overhead_ms=overhead_ms),
    }


def measure_cycles(
    store: ModelStore, *, threads: int = 0, repeats: int = 40, progress: Progress = quiet
) -> dict[str, dict[str, float]]:
    """Measure the median milliseconds of one cycle: {NAME: {"int8_ms": , "fp16_ms": , "fp32_ms": , "ratio": }}.

    A network has the precisions that it is installed in, and a ratio if INT8 and FP32 are among them. They alternate,
    so that other load on the machine affects all.
    """
    result: dict[str, dict[str, float]] = {}
    rng = np.random.default_rng(0)
    for shipped in store.restorers():
        name, precisions, side = shipped.name, shipped.precisions, shipped.family.crop_side
        crop = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        progress(tr("Measuring a cycle of {name}", name=name))
        restorers: dict[str, Restorer] = {
            precision: store.create_restorer(name, precision, threads) for precision in precisions
        }
        times_ms: dict[str, list[float]] = {precision: [] for precision in precisions}
        for restorer in restorers.values():
            restorer.warm_up()
        for _ in range(repeats):
            for precision, restorer in restorers.items():
                times_ms[precision].extend(restorer.restore(crop, k=restorer.k_range[0]).cycles_ms)
        figures = {f"{precision}_ms": percentiles(times)[0] for precision, times in times_ms.items()}
        if "int8_ms" in figures and "fp32_ms" in figures:
            figures["ratio"] = figures["int8_ms"] / figures["fp32_ms"]
        result[name] = figures
    return result


def measure_providers(store: ModelStore, *, threads: int = 0, progress: Progress = quiet) -> list[dict[str, Any]]:
    """Measure every network on every available provider.

    Returns a row each: network, provider, precision, nodes, cycle_ms, difference (mean, from the CPU's picture, in
    levels of 255) and problem. Raises AppError."""
    rows = []
    for shipped in store.restorers():
        progress(tr("Measuring {name} on every provider", name=shipped.name))
        options = EngineOptions(threads=threads)
        rows += [
            {
                "network": shipped.name,
                "provider": each.provider.title,
                "precision": each.precision,
                "nodes": dict(each.nodes),
                "cycle_ms": each.cycle_ms,
                "difference": each.difference,
                "problem": each.problem,
            }
            for each in store.compare_providers(shipped.name, SHIPPED, options, available_providers())
        ]
    return rows


def providers_table(rows: list[dict[str, Any]]) -> str:
    """Format `measure_providers` as a table, followed by the requirements of providers that are missing."""
    start = padded(phrase("network"), 16) + padded(phrase("provider"), 13) + padded(phrase("precision"), 11)
    lines = [f"{start}{'ms':>8}{padded(phrase('from CPU'), 10, right=True)}  {tr('nodes')}"]
    for row in rows:
        figures = "".join(
            number(value, f">{width}.2f") if value is not None else f"{'-':>{width}}"
            for value, width in ((row["cycle_ms"], 8), (row["difference"], 10))
        )
        nodes = ", ".join(f"{name.removesuffix('ExecutionProvider')} {count}" for name, count in row["nodes"].items())
        start = f"{row['network']:<16}{row['provider']:<13}{row['precision'].upper():<11}"
        lines.append(f"{start}{figures}  {row['problem'] or nodes}".rstrip())
    here = available_providers()
    lines += [
        tr("not here: {provider}. {needs}", provider=each.title, needs=each.needs)
        for each in PROVIDERS
        if each not in here
    ]
    return "\n".join(lines)


def affordable(
    restorers: Sequence[ShippedRestorer], cycles: dict[str, dict[str, float]], *, overhead_ms: float
) -> dict[str, dict[str, Any]]:
    """Say which restorers reach AFFORDED_FPS on one face: {NAME: {"precision": , "k1_fps": , "k1": True}}.

    Counted are the fastest precision in `cycles`, as `measure_cycles` returns them, and `overhead_ms` of everything
    else. A k outside the network's range is left out.
    """
    result: dict[str, dict[str, Any]] = {}
    for restorer in restorers:
        low, high = restorer.k_range
        precision = min(restorer.precisions, key=lambda each: cycles[restorer.name][f"{each}_ms"])
        cycle_ms = cycles[restorer.name][f"{precision}_ms"]
        result[restorer.name] = {"precision": precision}
        for k in (k for k in AFFORDED_KS if low <= k <= high):
            fps = 1000 / (overhead_ms + k * cycle_ms)
            result[restorer.name] |= {f"k{k}_fps": fps, f"k{k}": fps >= AFFORDED_FPS}
    return result


def measure_pipeline(
    store: ModelStore,
    *,
    restorer: str = "",
    precision: str = SHIPPED,
    threads: int = 0,
    ks: tuple[int, ...] = (1, 2, 3),
    seconds: float = 5.0,
    progress: Progress = quiet,
) -> dict[str, dict[str, Any]]:
    """Measure a live session, 1280x720, one moving face, 30 fps, for every k: {"k1": {"overhead_ms_p50": , ...}}.

    Steadiness is off, because it spends fewer than k cycles on a still face. Other keys: overhead_ms_p95, fps,
    age_ms_p50, age_ms_p95 (of finished frames, nothing is painted), dropped, frames, and `stages` with p50 and p95 of
    each stage. Raises AppError, InferenceError when no frame comes through.
    """
    scene = MovingFaceScene()
    result: dict[str, dict[str, Any]] = {}
    for k in ks:
        progress(tr("Measuring a moving face at k = {k}", k=k))
        settings = Settings(restorer=restorer, precision=precision, threads=threads, k=k, steady=0)
        result[f"k{k}"] = _measure_session(store, settings, scene, seconds)
    return result


@dataclass(frozen=True, eq=False, kw_only=True)
class Finished:
    """A finished frame with a face: when it was finished (`time.perf_counter()`) and its timings."""

    at: float
    timings: Timings


class FrameCollector:
    """A session's listener that takes every frame and keeps the timings of those with a face."""

    def __init__(self) -> None:
        self.session: LiveSession | None = None
        self.started = threading.Event()
        self.failed = threading.Event()
        self.error: AppError | None = None
        self._changed = threading.Condition()
        self._finished: list[Finished] = []

    def on_frame(self) -> None:
        restored = self.session.take() if self.session is not None else None
        if restored is None or not restored.faces:
            return
        with self._changed:
            self._finished.append(Finished(at=time.perf_counter(), timings=restored.timings))
            self._changed.notify_all()
        self.started.set()

    def on_status(self, status: SourceStatus) -> None:
        """Ignore it: going offline and online is part of the measurement."""

    def on_error(self, error: AppError) -> None:
        self.error = error
        self.failed.set()
        self.started.set()
        with self._changed:
            self._changed.notify_all()

    def on_notice(self, notice: Notice) -> None:
        """Ignore it: notices do not matter here."""

    def wait_for(self, count: int, *, timeout_s: float) -> None:
        """Wait until `count` frames have come since the last `collect`, an error was reported, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._finished) >= count or self.error is not None, timeout_s)

    def collect(self) -> list[Finished]:
        """Return the frames since the last call. Raises the error that the session reported."""
        if self.error is not None:
            raise self.error
        with self._changed:
            finished, self._finished = self._finished, []
        return finished


@contextmanager
def running_session(
    store: ModelStore, settings: Settings, *, make_source: Callable[[SourceSpec], Source]
) -> Iterator[tuple[LiveSession, FrameCollector]]:
    """Yield a live session that has restored its first face. Raises AppError when that takes a minute."""
    collector = FrameCollector()
    session = LiveSession(store, settings, collector, make_source=make_source)
    collector.session = session
    try:
        session.open(MOVING_FACE)
        if not collector.started.wait(_START_TIMEOUT_S):
            raise InferenceError("No face was restored within {seconds:g} s.", seconds=_START_TIMEOUT_S)
        yield session, collector
    finally:
        session.close()


def _measure_session(store: ModelStore, settings: Settings, scene: MovingFaceScene, seconds: float) -> dict[str, Any]:
    def moving_face(spec: SourceSpec) -> Source:
        return MovingFaceSource(scene, fps=SOURCE_FPS)

    with running_session(store, settings, make_source=moving_face) as (session, collector):
        collector.failed.wait(_SETTLE_S)
        collector.collect()
        dropped_before = session.statistics().dropped
        collector.failed.wait(seconds)
        collector.wait_for(_FEWEST_FRAMES, timeout_s=_START_TIMEOUT_S)
        finished = collector.collect()
        dropped = session.statistics().dropped - dropped_before
    if len(finished) < _FEWEST_FRAMES:
        raise InferenceError(
            "Fewer than {frames} frames were restored within {seconds:g} s.",
            frames=_FEWEST_FRAMES,
            seconds=_START_TIMEOUT_S,
        )
    timings = [frame.timings for frame in finished]
    overhead_p50, overhead_p95 = percentiles([each.overhead_ms for each in timings])
    age_p50, age_p95 = percentiles([each.age_ms for each in timings])
    return {
        "overhead_ms_p50": overhead_p50,
        "overhead_ms_p95": overhead_p95,
        "fps": (len(finished) - 1) / (finished[-1].at - finished[0].at),
        "age_ms_p50": age_p50,
        "age_ms_p95": age_p95,
        "dropped": dropped,
        "frames": len(finished),
        "stages": {
            stage.name: {"p50_ms": stage.p50_ms, "p95_ms": stage.p95_ms}
            for stage in stage_statistics(timings)
            if stage.name != "paint"
        },
    }


def cycles_table(cycles: dict[str, dict[str, float]]) -> str:
    """Format `measure_cycles` as a table."""
    columns = f"{'INT8 ms':>10}{'FP16 ms':>10}{'FP32 ms':>10}{'INT8/FP32':>11}"
    lines = [f"{padded(phrase('network'), 14)}{columns}   {tr('a cycle, median')}"]
    for name, figures in cycles.items():
        cells = (figures.get(key) for key in ("int8_ms", "fp16_ms", "fp32_ms", "ratio"))
        int8, fp16, fp32, ratio = (number(cell, ".2f") if cell is not None else "-" for cell in cells)
        lines.append(f"{name:<14}{int8:>10}{fp16:>10}{fp32:>10}{ratio:>11}")
    return "\n".join(lines)


def affordable_table(affordable: dict[str, dict[str, Any]]) -> str:
    """Format `affordable` as a table: frames a second for each k, and whether that is enough."""
    title = phrase("one face at {fps:g} fps", fps=AFFORDED_FPS)
    lines = [padded(title, 26) + "".join(f"{f'k = {k}':>16}" for k in AFFORDED_KS)]
    for name, figures in affordable.items():
        cells = [
            joined(
                (
                    phrase("yes") if figures[f"k{k}"] else phrase("no"),
                    phrase("{rate:.0f} fps", rate=figures[f"k{k}_fps"]),
                )
            )
            if f"k{k}" in figures
            else "-"
            for k in AFFORDED_KS
        ]
        lines.append(
            f"{name + ' ' + figures['precision'].upper():<26}" + "".join(padded(cell, 16, right=True) for cell in cells)
        )
    return "\n".join(lines)


def pipeline_table(pipeline: dict[str, dict[str, Any]]) -> str:
    """Format `measure_pipeline` as a table: a column for each k, p50 / p95 in each cell."""
    names = max((list(figures["stages"]) for figures in pipeline.values()), key=len)
    width = 17
    lines = [tr("1280x720, one moving face at 30 fps; ms a frame, p50 / p95")]
    lines.append(f"{'':<18}" + "".join(f"{k:>{width}}" for k in pipeline))
    for name in names:
        cells = (figures["stages"].get(name) for figures in pipeline.values())
        texts = (_pair(cell["p50_ms"], cell["p95_ms"]) if cell else "-" for cell in cells)
        lines.append(f"{name:<18}" + "".join(f"{text:>{width}}" for text in texts))
    for label, stem in ((phrase("all but cycles"), "overhead_ms"), (phrase("age when finished"), "age_ms")):
        texts = (_pair(each[stem + "_p50"], each[stem + "_p95"]) for each in pipeline.values())
        lines.append(padded(label, 18) + "".join(f"{text:>{width}}" for text in texts))
    lines.append(padded(phrase("fps"), 18) + "".join(number(each["fps"], f">{width}.1f") for each in pipeline.values()))
    lines.append(
        padded(phrase("dropped frames"), 18) + "".join(f"{each['dropped']:>{width}}" for each in pipeline.values())
    )
    return "\n".join(lines)


def _pair(p50: float, p95: float) -> str:
    return f"{number(p50, '.1f')} / {number(p95, '.1f')}"
