"""The figures that are measured are there, and make sense; how good they are is not tested here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.pipeline.measuring.bench import affordable, affordable_table, cycles_table, pipeline_table, run_benchmark
from app.pipeline.measuring.scene import MovingFaceScene
from app.restorers.families import family
from app.restorers.store import ShippedRestorer
from tests.vision import detector, portrait_landmarks, store

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_the_benchmark_gives_everything_that_is_promised() -> None:
    said: list[str] = []
    result = json.loads(json.dumps(run_benchmark(store(), repeats=3, seconds=0.7, progress=said.append)))

    cycle = result["cycles"]["cfrnet-rt"]
    assert cycle["int8_ms"] > 0
    assert cycle["ratio"] == pytest.approx(cycle["int8_ms"] / cycle["fp32_ms"])
    for number, name in enumerate(("k1", "k2", "k3"), start=1):
        figures = result["pipeline"][name]
        assert 0 < figures["overhead_ms_p50"] <= figures["overhead_ms_p95"]
        assert 0 < figures["age_ms_p50"] <= figures["age_ms_p95"]
        assert figures["fps"] > 0
        assert f"cycle {number}" in figures["stages"]
        assert f"cycle {number + 1}" not in figures["stages"]
    assert "onnxruntime" in result["machine"]["packages"]
    assert len(said) == len(result["cycles"]) + 3
    assert "cfrnet-rt" in cycles_table(result["cycles"])
    table = pipeline_table(result["pipeline"]).splitlines()
    assert [line.split()[0] for line in table[2:9]] == [
        "capture",
        "detect",
        "align",
        "cycle",
        "cycle",
        "cycle",
        "paste",
    ]


def test_the_scene_shows_the_face_where_it_says() -> None:
    scene = MovingFaceScene(width=640, height=360)
    assert np.array_equal(scene.image(1.0), MovingFaceScene(width=640, height=360).image(1.0))
    assert not np.array_equal(scene.image(1.0), scene.image(1.2))
    for seconds in (0.0, 1.3, 2.9):
        face = detector().detect(scene.image(seconds), 640)[0]
        assert np.abs(face.landmarks - scene.place(portrait_landmarks(), seconds)).max() < 5


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("cycle.py", ["--repeats", "2"]), ("pipeline.py", ["--seconds", "0.5"]), ("soak.py", ["--minutes", "0.05"])],
)
def test_the_scripts_run_from_any_folder_and_write_json(tmp_path: Path, script: str, arguments: list[str]) -> None:
    target = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), *arguments, "--json", str(target)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert target.exists(), done.stderr
    assert "machine" in json.loads(target.read_text())
    if script != "soak.py":  # three seconds say nothing about memory
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, None),
        ({"memory_mb": lambda i: 200 + 0.1 * i}, "memory_flat"),
        ({"threads": lambda i: 10 + i // 60}, "threads_constant"),
        ({"descriptors": lambda i: 20 + i // 60}, "descriptors_constant"),
        ({"sent": lambda i: {"stream": i, "recording": min(i, 80)}}, "outputs_worked"),
        ({"age_ms": lambda i: 20 + 0.2 * i}, "age_steady"),
    ],
)
def test_the_soak_s_verdict(change: dict[str, object], failed: str | None) -> None:
    from benchmarks.soak import Sample, judge

    usual = {"memory_mb": 200.0, "threads": 10, "descriptors": 20, "age_ms": 20.0}
    series = {name: lambda i, value=value: value for name, value in usual.items()}
    series |= {"sent": lambda i: {"stream": i, "recording": i}, **change}
    samples = [
        # Every half minute the camera is away, with fewer threads and no frames.
        Sample(seconds=i, frames=0, memory_mb=200, threads=8, descriptors=12, age_ms=0, sent={})
        if i % 30 < 3
        else Sample(seconds=i, frames=30, **{name: value(i) for name, value in series.items()})  # type: ignore[operator]
        for i in range(120)
    ]
    verdict = judge(samples)
    for name in ("memory_flat", "threads_constant", "descriptors_constant", "outputs_worked", "age_steady"):
        assert verdict[name] is (name != failed)


def test_what_a_machine_affords_is_said_for_every_network_and_k() -> None:
    restorers = (
        ShippedRestorer(name="small", family=family("cfrnet"), k_range=(1, 4), precisions=("int8", "fp32")),
        ShippedRestorer(name="once", family=family("pfsrnet"), k_range=(1, 1), precisions=("fp16",)),
    )
    cycles = {"small": {"int8_ms": 12.0, "fp32_ms": 30.0}, "once": {"fp16_ms": 60.0}}
    found = affordable(restorers, cycles, overhead_ms=5.0)
    assert [found["small"][f"k{k}"] for k in (1, 2, 3)] == [True, True, False]
    assert found["small"]["precision"] == "int8"
    assert found["small"]["k2_fps"] == pytest.approx(1000 / 29)
    assert found["once"] == {"precision": "fp16", "k1_fps": pytest.approx(1000 / 65), "k1": False}
    table = affordable_table(found)
    assert "yes, 34 fps" in table
    assert table.splitlines()[-1].split() == ["once", "FP16", "no,", "15", "fps", "-", "-"]
