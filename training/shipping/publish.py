"""Publishing a checkpoint: the application's files in one command.

`python -m training publish CHECKPOINT --name cfrnet-rt --faces DIR --models models
 [--evaluate --data DIR --weights DIR --docs docs]`

Exports FP32, quantizes INT8 (or writes the `--precisions` that are asked for), writes the manifest, keeps the state for
further training and, if asked, measures both and adds the figures to the manifest. The new files replace the old ones
only when all are complete.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.media.files import replace_text
from app.restorers.half import to_half
from app.restorers.manifest import PRECISIONS
from training.checkpoint import load_generator, read_checkpoint, save_checkpoint, slim
from training.data import load_faces
from training.evaluation.evaluate import SECTIONS, evaluate
from training.evaluation.parallel import keep_freed_memory
from training.evaluation.test_sets import find_evaluation_data, read_figures
from training.log import RUN_LOGS, read_table, runs_table
from training.shipping.export import export_onnx
from training.shipping.manifest import check_origins, write_manifest
from training.shipping.quantize import CALIBRATION_METHOD, CALIBRATION_METHODS, quantize_on

DEFAULT_PRECISIONS = ("fp32", "int8")

_RUN_FIGURES = ("k1_psnr", "k1_alex", "k2_psnr", "k3_alex", "k3_vgg")


def publish(
    *,
    checkpoint: Path,
    name: str,
    faces: Path,
    models: Path,
    method: str = CALIBRATION_METHOD,
    precisions: Sequence[str] = DEFAULT_PRECISIONS,
) -> tuple[Path, ...]:
    """Write NAME.PRECISION.onnx for each of `precisions` and the manifest into `models`; return the files.

    Files of the network in other precisions are removed: they are of another state. Raises UnknownOriginError, before
    anything is replaced, for a file in `models` that nobody published.
    """
    generator, state = load_generator(checkpoint), read_checkpoint(checkpoint)
    targets = {precision: models / f"{name}.{precision}.onnx" for precision in precisions}
    models.mkdir(parents=True, exist_ok=True)
    check_origins(models, {name: state})
    with tempfile.TemporaryDirectory(dir=models) as folder:
        made = {precision: Path(folder) / f"{name}.{precision}.onnx" for precision in PRECISIONS}
        export_onnx(generator, made["fp32"])
        if "fp16" in targets:
            made["fp16"].write_bytes(to_half(made["fp32"].read_bytes()))
        if "int8" in targets:
            training, _ = load_faces(faces)
            quantize_on(made["fp32"], made["int8"], training, method, network=state["network"])
        for precision in PRECISIONS:
            (models / f"{name}.{precision}.onnx").unlink(missing_ok=True)
        for precision, target in targets.items():
            made[precision].replace(target)
    write_manifest(models, trained={name: state})
    return tuple(targets.values())


def keep_run(*, checkpoint: Path, name: str, models: Path) -> Path:
    """Keep the state for further training, and this run's logs and curves, in `models`/training."""
    folder = models / "training"
    logs = folder / name
    logs.mkdir(parents=True, exist_ok=True)
    state = folder / f"{name}.pt"
    trained = read_checkpoint(checkpoint)
    save_checkpoint(state, slim(trained))
    kept = checkpoint.parent / checkpoint.stem  # the logs of a state that was kept before
    beside = kept if kept.is_dir() else checkpoint.parent
    for log in RUN_LOGS:
        source = beside / log
        if source.is_file() and source != logs / log:
            shutil.copyfile(source, logs / log)
    _enter_run(runs_table(models), name, trained, beside / "validation.csv")
    return state


def _enter_run(ledger: Path, name: str, state: dict[str, Any], validation: Path) -> None:
    """Add the run to the list of all that led to the shipped state, or update its line.

    `minutes` are the log's own clock; the figures are the last ones on the validation split.
    """
    row = {
        "network": name,
        "began": state["began"],
        "stages": " + ".join(stage["name"] for stage in json.loads(state["preset"])["stages"]),
        "minutes": f"{state['elapsed'] / 60:.1f}",
        "steps": str(state["steps"]),
    }
    figures = {line["metric"]: line["value"] for line in read_table(validation)}  # a later line replaces an earlier
    known = read_table(ledger)
    before = next(
        (line for line in known if _is_of(line, name, state)), {}
    )  # published from the kept state, without logs
    row |= {metric: figures.get(metric, before.get(metric, "")) for metric in _RUN_FIGURES}
    rows = [line for line in known if not _is_of(line, name, state)]
    text = io.StringIO()
    writer = csv.DictWriter(text, row, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, row])
    replace_text(ledger, text.getvalue())


def _is_of(line: Mapping[str, str], name: str, state: Mapping[str, Any]) -> bool:
    return (line["network"], line["began"]) == (name, state["began"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Export, quantize and describe a checkpoint; measure it if asked.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--name", default="cfrnet-rt")
    parser.add_argument("--faces", type=Path, required=True, help="training faces, for calibration")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--method", choices=sorted(CALIBRATION_METHODS), default=CALIBRATION_METHOD)
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=DEFAULT_PRECISIONS, help="default: fp32 int8"
    )
    parser.add_argument("--evaluate", action="store_true", help="measure by the protocol and write the docs")
    parser.add_argument("--data", type=Path, help="with --evaluate: folder with test/, photos/ and video/")
    parser.add_argument("--weights", type=Path, help="with --evaluate: folder of the metrics' published weights")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--limit", type=int, help="with --evaluate: the first N faces only")
    parser.add_argument("--timing", action="store_true", help="with --evaluate: time a cycle; the machine must be idle")
    parser.add_argument(
        "--skip", nargs="*", choices=SECTIONS, default=(), help="with --evaluate: sections to leave out"
    )
    options = parser.parse_args()
    if options.evaluate and not (options.data and options.weights):
        parser.error("--evaluate needs --data and --weights")
    if options.evaluate and not set(options.precisions) >= {"fp32", "int8"}:
        parser.error("--evaluate needs FP32 and INT8")
    if options.evaluate:  # before anything is replaced
        read_figures(
            options.docs / "results.json",
            limit=options.limit,
            network=options.name,
            sets=find_evaluation_data(options.data).names,
        )
    keep_freed_memory()
    files = publish(
        checkpoint=options.checkpoint, name=options.name, faces=options.faces, models=options.models,
        method=options.method, precisions=options.precisions,
    )  # fmt: skip
    state = keep_run(checkpoint=options.checkpoint, name=options.name, models=options.models)
    for file in (*files, state):
        print(f"wrote {file} ({file.stat().st_size / 1e6:.2f} MB)")
    if options.evaluate:
        results = evaluate(
            models=options.models, data=options.data, weights=options.weights, out=options.docs, name=options.name,
            limit=options.limit, timing=options.timing, skip=tuple(options.skip), faces=options.faces,
        )  # fmt: skip
        write_manifest(options.models, results)
        print(f"wrote {options.docs / 'results.md'}")
    print(f"wrote {options.models / 'manifest.json'}")
