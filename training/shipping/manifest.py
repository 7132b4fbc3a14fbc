"""Write `models/manifest.json`, which the application trusts: what each file is, and its SHA-256.

`python -m training manifest models [--results docs/results.json]` describes every shipped generator. Figures belong to
a file's SHA-256: they are taken from results that measured this very file, and kept until it changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from app.faces.detector import WINDOW

SCHEMA = 1
WEIGHTS_LICENCE = "research use: trained on faces gathered for research, see models/README.md"
DETECTOR_LICENCE = "InsightFace model zoo: non-commercial research"
# What a person who chooses a model wants to know, and to how many digits; docs/results.md has the rest.
METRICS = {"psnr": 2, "ssim": 4, "lpips_alex": 4, "lpips_vgg": 4}


def describe(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def restorer_entry(path: Path, metrics: dict[str, Any]) -> dict[str, Any]:
    """The entry of a generator file called NAME.PRECISION.onnx."""
    name, precision, _ = path.name.rsplit(".", 2)
    return {
        "name": name,
        "kind": "restorer",
        "precision": precision,
        **describe(path),
        "licence": WEIGHTS_LICENCE,
        "source": "arXiv 2606.06850, trained by training/",
        "input": {"name": "x", "layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": 256},
        "template": "ffhq-256",
        "k_range": [1, 4],
        "metrics": metrics,
    }


def detector_entry(path: Path) -> dict[str, Any]:
    """The entry of SCRFD: the whole network, or the INT8 part of it that searches windows."""
    window = ".int8." in path.name
    return {
        "name": "scrfd-2.5g-window" if window else "scrfd-2.5g-kps",
        "kind": "window-detector" if window else "detector",
        "precision": "int8" if window else "fp32",
        **describe(path),
        "licence": DETECTOR_LICENCE,
        "source": "InsightFace SCRFD-2.5G with key points, "
        + ("cut and quantized by training/shipping/window_detector.py" if window else "input size freed"),
        "input": {
            "name": "input.1", "layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": WINDOW if window else None,
        },
    }  # fmt: skip


def measured(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """SHA-256 of every file that `training.evaluation.evaluate` measured -> a few of its figures at every k."""
    figures: dict[str, dict[str, Any]] = {}
    means = results["ffhq300"]["means"]
    for precision, model in results["models"].items():
        states = {"input": means["input"]}
        states |= {state.split()[1]: row for state, row in means.items() if state.startswith(f"{precision} k")}
        entry: dict[str, Any] = {
            "set": f"ffhq300, {results['ffhq300']['faces']} faces",
            "date": results["date"],
            **{state: {m: round(row[m], digits) for m, digits in METRICS.items()} for state, row in states.items()},
        }
        cycle = results["timing"].get("cycles", {}).get(precision)
        if cycle:
            entry["cycle_ms"] = {"median": round(cycle["median_ms"], 2), "threads": cycle["threads"]}
        figures[model["sha256"]] = entry
    return figures


def write_manifest(folder: Path, results: dict[str, Any] | None = None) -> None:
    """Describe every model in `folder`; `results` are those of an evaluation (`docs/results.json`)."""
    path = folder / "manifest.json"
    old = json.loads(path.read_text())["models"] if path.is_file() else []
    figures = {entry["sha256"]: entry.get("metrics", {}) for entry in old} | (measured(results) if results else {})
    entries = []
    for model in sorted(folder.glob("*.onnx")):
        if model.name.startswith("scrfd"):
            entries.append(detector_entry(model))
        else:
            entries.append(restorer_entry(model, figures.get(describe(model)["sha256"], {})))
    path.write_text(json.dumps({"schema": SCHEMA, "models": entries}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write models/manifest.json.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, help="take in the figures of this evaluation (docs/results.json)")
    options = parser.parse_args()
    write_manifest(options.folder, json.loads(options.results.read_text()) if options.results else None)
