"""What a worker needs before its first task."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.batch.jobs.job import RestoreOptions
from app.restorers.store import MODELS_FOLDER


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """How a worker restores, and with what.

    `threads` are those of its inference engine if the settings leave them open, 0 for every core, `codec_threads`
    those of its decoder and of its encoder, 0 for one more than the engine has. What an encoder writes depends on its
    threads.
    """

    options: RestoreOptions
    threads: int = 0
    codec_threads: int = 0
    models: Path = field(default=MODELS_FOLDER)
