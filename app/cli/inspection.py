"""The commands that look at what is there: cameras, models, and how fast this machine is."""

from __future__ import annotations

from app.cli.messages import print_error, say
from app.core.errors import AppError, ModelIntegrityError, ModelMissingError
from app.restorers.store import ModelStore
from app.sources.camera import list_cameras


def print_cameras() -> None:
    """One line a camera: its number and its name, by which every other command takes it."""
    cameras = list_cameras()
    for camera in cameras:
        print(f"{camera.index:>3}  {camera.name}" + (f"  ({camera.path})" if camera.path else ""))
    if not cameras:
        say("note: no camera was found.")


def print_models() -> bool:
    """One line a model with the result of checking its hash; True when every one is as it was shipped."""
    store = ModelStore()
    faults: list[AppError] = []
    for entry in store.entries():
        try:
            store.verify(entry)
            state = "ok"
        except ModelMissingError as error:
            state = "MISSING"
            faults.append(error)
        except ModelIntegrityError as error:
            state = "ALTERED"
            faults.append(error)
        k = "k {}-{}".format(*entry.k_range) if entry.kind == "restorer" else ""
        print(
            f"{state:<8} {entry.name:<16} {entry.precision:<5} {entry.kind:<9} {k:<6} {entry.bytes / 1e6:6.1f} MB  "
            f"sha256 {entry.sha256}  {entry.path.name}"
        )
        print(f"{'':<8} licence: {entry.licence}")
    for fault in faults:
        print_error(fault)
    return not faults
