"""The registry of outputs. A new one is a module with a DESCRIPTOR and a line here: see docs/adding-an-output.md."""

from __future__ import annotations

from app.core.errors import SettingError
from app.outputs import stream, virtual_camera
from app.outputs.base import OutputDescriptor
from app.outputs.recordings import output as recording

OUTPUTS: tuple[OutputDescriptor, ...] = (
    recording.DESCRIPTOR,
    virtual_camera.DESCRIPTOR,
    stream.DESCRIPTOR,
)


def descriptor(name: str) -> OutputDescriptor:
    """Return the output called `name`. Raises SettingError, which names all of them."""
    for entry in OUTPUTS:
        if entry.name == name:
            return entry
    raise SettingError(
        "There is no output called {name}.", "Use one of {names}.", name=name, names=", ".join(e.name for e in OUTPUTS)
    )
