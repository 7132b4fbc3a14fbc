"""Write `models/manifest.json`, which the application trusts: what each file is, and its SHA-256.

`python -m training.manifest models` describes every shipped generator and keeps the metrics that are known of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

SCHEMA = 1
WEIGHTS_LICENCE = "research use: trained on faces gathered for research, see models/README.md"
DETECTOR_LICENCE = "InsightFace model zoo: non-commercial research"


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
    return {
        "name": "scrfd-2.5g-kps",
        "kind": "detector",
        "precision": "fp32",
        **describe(path),
        "licence": DETECTOR_LICENCE,
        "source": "InsightFace SCRFD-2.5G with key points, input size freed",
        "input": {"name": "input.1", "layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": None},
    }


def write_manifest(folder: Path, metrics: dict[str, dict[str, Any]] | None = None) -> None:
    """Describe every model in `folder`; `metrics` maps "name.precision" to new figures.

    Figures already in the manifest are kept only for a file that did not change.
    """
    path = folder / "manifest.json"
    old = json.loads(path.read_text())["models"] if path.is_file() else []
    known = {entry["sha256"]: entry.get("metrics", {}) for entry in old}
    entries = []
    for model in sorted(folder.glob("*.onnx")):
        if model.name.startswith("scrfd"):
            entries.append(detector_entry(model))
            continue
        stem = model.name.removesuffix(".onnx")
        figures = (metrics or {}).get(stem) or known.get(describe(model)["sha256"], {})
        entries.append(restorer_entry(model, figures))
    path.write_text(json.dumps({"schema": SCHEMA, "models": entries}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write models/manifest.json.")
    parser.add_argument("folder", type=Path)
    write_manifest(parser.parse_args().folder)


if __name__ == "__main__":
    main()
