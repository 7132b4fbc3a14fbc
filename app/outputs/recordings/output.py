"""Recording as an output: its descriptor, and creating a recorder for a session.

Importing this module does not import PyAV; creating a recorder does.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import RecordingError
from app.core.settings import Settings
from app.core.words import phrase
from app.outputs.base import OutputContext, OutputDescriptor

if TYPE_CHECKING:
    from app.outputs.recordings.recorder import VideoRecorder


def create_recorder(settings: Settings, context: OutputContext) -> VideoRecorder:
    """Create a recorder for a new file in the context's folder, as the settings ask. Raises RecordingError."""
    from app.outputs.recordings.file import RECORDING_STEM
    from app.outputs.recordings.recorder import VideoRecorder

    return VideoRecorder(
        _free_path(context.folder, RECORDING_STEM, ".mp4"),
        (context.size[0] * context.scale, context.size[1] * context.scale),
        context.fps,
        mode=settings.record_mode,
        audio=context.sound,
        prepare=context.prepare,
        on_error=context.on_error,
    )


def _free_path(folder: Path, name: str, suffix: str) -> Path:
    """Return an unused path in `folder`: the name, the date and the time, and a number where needed."""
    stem = f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    for candidate in candidates:
        path = folder / (candidate + suffix)
        if not any(folder.glob(f"{candidate}*{suffix}*")):
            return path
    raise RecordingError("There is no free name for a recording in {folder}.", "Choose another folder.", folder=folder)


DESCRIPTOR = OutputDescriptor(
    name="recording",
    label=phrase("Recording"),
    icon="record",
    needs=phrase("Room on the disk"),
    views=("side-by-side", "split", "restored", "two-files", "three"),
    pacing="every frame",
    create=create_recorder,
)
