"""The commands `cameras`, `models` and `bench`."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

from app.cli.messages import note, print_error, say, show
from app.core.errors import AppError, ModelIntegrityError, ModelMissingError
from app.core.words import number, padded, phrase, tr
from app.media.files import NewFile
from app.restorers.store import ModelStore
from app.sources.camera import list_cameras


def print_cameras() -> None:
    """Print one line for each camera: its number and its name, which other commands accept."""
    cameras = list_cameras()
    for camera in cameras:
        show(f"{camera.index:>3}  {camera.name}" + (f"  ({camera.path})" if camera.path else ""))
    if not cameras:
        note(phrase("no camera was found."))


def print_models() -> bool:
    """Print one line for each model with the result of checking its hash; return whether all match."""
    store = ModelStore()
    faults: list[AppError] = []
    for entry in store.entries():
        try:
            store.load(entry)
            state = phrase("ok")
        except ModelMissingError as error:
            state = phrase("MISSING")
            faults.append(error)
        except ModelIntegrityError as error:
            state = phrase("ALTERED")
            faults.append(error)
        k = "k {}-{}".format(*entry.k_range) if entry.family is not None else ""
        size = number(entry.bytes / 1e6, "6.1f")
        show(
            f"{padded(state, 8)} {entry.name:<17} {entry.precision:<4} {entry.kind:<15} {k:<5} {size} MB  "
            f"sha256 {entry.sha256}  {entry.path.name}"
        )
        show(f"{'':<8} {entry.family.title + ', ' if entry.family is not None else ''}{entry.source}")
        show(f"{'':<8} {tr('licence: {licence}', licence=entry.licence)}")
    for fault in faults:
        print_error(fault)
    return not faults


def print_providers() -> None:
    """Print which providers run the networks here, their times and differences from the CPU. Raises AppError."""
    from app.pipeline.measuring.bench import measure_providers, providers_table

    show(providers_table(measure_providers(ModelStore(), progress=say)))


def print_benchmark(*, json_path: str | None, overwrite: bool) -> None:
    """Measure this machine, print the tables, and write the figures to `json_path`. Raises OutputError or others."""
    from app.pipeline.measuring.bench import affordable_table, cycles_table, pipeline_table, run_benchmark

    # Created first, so that a path that cannot be written is reported before the measurement.
    with nullcontext() if json_path is None else NewFile(Path(json_path), overwrite=overwrite) as file:
        say(tr("Measuring this machine for about half a minute; close what else it does."))
        result = run_benchmark(ModelStore(), progress=say)
        show(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
        show(cycles_table(result["cycles"]))
        show(pipeline_table(result["pipeline"]))
        show(affordable_table(result["affordable"]))
        if file is not None:
            file.write((json.dumps(result, indent=2) + "\n").encode())
            file.commit()
