"""Writing `models/manifest.json`, which the application trusts: the description and SHA-256 of each file.

`python -m training manifest models [--results docs/results.json] [--comparison docs/comparison.json] [--default NAME]`
describes every shipped model anew.
`training.shipping.publish` adds how a restorer was trained, from the checkpoint that it exports; this and the figures
belong to a file's SHA-256 and are kept until the file changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.faces.detector import WINDOW
from app.media.files import replace_json
from app.restorers.families import family
from app.restorers.manifest import SCHEMA
from training.errors import TrainingError
from training.networks import FAMILIES
from training.shipping.export import INPUT_NAME, OUTPUT_NAME

ORIGIN = ("family", "licence", "source", "input", "output", "template", "k_range")
"""The fields of an entry that describe a restorer and its origin."""


DETECTOR_LICENCE = "InsightFace model zoo: non-commercial research"
# The figures for choosing a model, and their digits; docs/results.md has the rest.
METRICS = {"psnr": 2, "ssim": 4, "lpips_alex": 4, "lpips_vgg": 4}

DETECTORS: dict[str, dict[str, Any]] = {
    "scrfd_2.5g_kps.onnx": {
        "name": "scrfd-2.5g-kps", "kind": "detector", "precision": "fp32", "size": None,
        "source": "InsightFace SCRFD-2.5G with key points, input size freed",
    },
    "scrfd_2.5g_sweep.int8.onnx": {
        "name": "scrfd-2.5g-sweep", "kind": "sweep-detector", "precision": "int8", "size": None,
        "source": "InsightFace SCRFD-2.5G with key points, quantized by training/shipping/sweep_detector.py",
    },
    "scrfd_2.5g_window.int8.onnx": {
        "name": "scrfd-2.5g-window", "kind": "window-detector", "precision": "int8", "size": WINDOW,
        "source": "InsightFace SCRFD-2.5G with key points, cut and quantized by training/shipping/window_detector.py",
    },
}  # fmt: skip
"""The detectors' files, which are not trained here."""


class UnknownOriginError(TrainingError):
    """A model file of unknown origin."""


class NoRestorerError(TrainingError):
    """A folder without the restorer that is to be used."""


def describe(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def provenance(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return family, input, output and origin of the network of a checkpoint, from its recipe."""
    its = family(FAMILIES[state["network"]])
    source = f"{its.paper}; network {state['network']}, trained by training/"
    if "preset" in state:
        stages = " + ".join(stage["name"] for stage in json.loads(state["preset"])["stages"])
        minutes = state["elapsed"] / 60
        source += f", last run: {stages}, {state['steps']} steps, {minutes:.0f} minutes, begun {state['began'][:10]}"
    return {
        "family": its.name,
        "licence": its.licence,
        "source": source,
        "input": {"name": INPUT_NAME, **its.takes.described()},
        "output": {"name": OUTPUT_NAME, **its.gives.described()},
        "template": its.template,
        "k_range": list(its.k_range),
    }


def restorer_entry(path: Path, origin: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a restorer's file NAME.PRECISION.onnx; `origin` as `provenance` returns it."""
    name, precision, _ = path.name.rsplit(".", 2)
    return {
        "name": name, "kind": "restorer", "precision": precision, **describe(path), **origin, "metrics": metrics,
    }  # fmt: skip


def detector_entry(path: Path) -> dict[str, Any]:
    """Return the entry of one of `DETECTORS`."""
    known = dict(DETECTORS[path.name])
    tensor = {"name": "input.1", "layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": known.pop("size")}
    return {**known, **describe(path), "licence": DETECTOR_LICENCE, "input": tensor}


def measured(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Map the SHA-256 of every file measured by `training.evaluation.evaluate` to some figures at every k."""
    figures: dict[str, dict[str, Any]] = {}
    means, date = results["protocol"]["means"], results["measured"]["protocol"]["date"]
    for precision, model in results["models"].items():
        states = {"input": means["input"]}
        states |= {state.split()[1]: row for state, row in means.items() if state.startswith(f"{precision} k")}
        entry = _figures(results["protocol"]["set"], results["protocol"]["faces"], date, states)
        cycle = results["timing"].get("cycles", {}).get(precision)
        if cycle:
            entry["cycle_ms"] = {"median": round(cycle["median_ms"], 2), "threads": cycle["threads"]}
        figures[model["sha256"]] = entry
    return figures


def compared(comparison: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Map the SHA-256 of every file measured by `training.evaluation.comparison` to some figures at every k."""
    name = comparison["protocol"]
    section = comparison["sets"][name]
    figures = {}
    for network, details in comparison["networks"].items():
        states, date = {"input": section["means"]["input"]}, comparison["date"]
        for row, means in section["means"].items():
            title, _, k = row.partition(" k = ")
            if title == network:
                states[f"k{k or 1}"] = means
                date = section.get("dates", {}).get(row, date)  # all rows of a network are measured together
        figures[details["sha256"]] = _figures(name, section["faces"], date, states)
    return figures


def _figures(name: str, faces: int, date: str, states: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    rounded = {state: {m: round(row[m], digits) for m, digits in METRICS.items()} for state, row in states.items()}
    return {"set": f"{name}, {faces} faces", "date": date, **rounded}


def check_origins(folder: Path, trained: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UnknownOriginError as `write_manifest` would, before anything is replaced."""
    known = _by_content(_read(folder / "manifest.json"))
    for model in sorted(folder.glob("*.onnx")):
        if model.name not in DETECTORS:
            _origin(model, known.get(describe(model)["sha256"], {}), trained)


def write_manifest(
    folder: Path,
    results: dict[str, Any] | None = None,
    *,
    comparison: dict[str, Any] | None = None,
    trained: Mapping[str, Mapping[str, Any]] | None = None,
    default: str = "",
) -> None:
    """Describe every model in `folder`.

    `results` are those of an evaluation (`docs/results.json`), which count for more than those of a `comparison`
    (`docs/comparison.json`), `trained` the checkpoints that restorers were just
    exported from, by name, and `default` names the default restorer; without it the previous one, or else the
    first, is used. Raises UnknownOriginError for a file that neither they nor the manifest know, and NoRestorerError
    when `default` or every restorer is missing.
    """
    path = folder / "manifest.json"
    old = _read(path)
    known = _by_content(old)
    figures = (compared(comparison) if comparison else {}) | (measured(results) if results else {})
    entries = []
    for model in sorted(folder.glob("*.onnx")):
        if model.name in DETECTORS:
            entries.append(detector_entry(model))
            continue
        sha256 = describe(model)["sha256"]
        before = known.get(sha256, {})
        origin = _origin(model, before, trained or {})
        entries.append(restorer_entry(model, origin, figures.get(sha256, before.get("metrics", {}))))
    names = [entry["name"] for entry in entries if entry["kind"] == "restorer"]
    if not names:
        raise NoRestorerError(f"there is no restorer in {folder}; write one with `python -m training publish`")
    if not default:
        default = old["default"] if old.get("default") in names else names[0]
    if default not in names:
        raise NoRestorerError(f"there is no restorer {default} in {folder}; there are {', '.join(names)}")
    content = {"schema": SCHEMA, "default": default, "models": entries}
    replace_json(path, content, indent=2)


def _read(manifest: Path) -> dict[str, Any]:
    return json.loads(manifest.read_text()) if manifest.is_file() else {"models": []}


def _by_content(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Map SHA-256 to entry."""
    return {entry["sha256"]: entry for entry in manifest["models"]}


def _origin(model: Path, before: dict[str, Any], trained: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    name = model.name.rsplit(".", 2)[0]
    if name in trained:
        return provenance(trained[name])
    if "family" in before:
        return {key: before[key] for key in ORIGIN}
    raise UnknownOriginError(
        f"nothing says how {model} was trained: publish it from its checkpoint with `python -m training publish`"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Write models/manifest.json.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, help="take in the figures of this evaluation (docs/results.json)")
    parser.add_argument("--comparison", type=Path, help="the same of every network (docs/comparison.json)")
    parser.add_argument("--default", default="", metavar="NAME", help="the restorer that is used when nobody chooses")
    options = parser.parse_args()
    results, comparison = (json.loads(p.read_text()) if p else None for p in (options.results, options.comparison))
    write_manifest(options.folder, results, comparison=comparison, default=options.default)
