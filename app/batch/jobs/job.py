"""A job: an input, an output and options. Values that can be sent to another machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from app.core.settings import TABLE, Settings
from app.media.videos.encoder_choices import USUAL
from app.restorers.providers import CPU
from app.restorers.store import SHIPPED, ModelStore

_NO_PIXELS = frozenset({"threads", "spinning", "provider"})
"""Settings that affect the speed of a restoration but not its result, unless a provider decides on the precision."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """How every file of a job is restored.

    Without `k_is_given` the network's own k is used; with it, one that the
    network cannot do is an error. `detect_size` None chooses by
    the kind of file. `aligned` takes pictures for face crops, `side_by_side` puts the original at the left.
    Results are `scale` times as large as their inputs; videos are written with `encoder`, a name in FILE_ENCODERS.
    """

    settings: Settings = field(default_factory=Settings)
    k_is_given: bool = False
    detect_size: int | None = None
    side_by_side: bool = False
    aligned: bool = False
    scale: int = 1
    encoder: str = USUAL

    def digest(self, store: ModelStore) -> str:
        """Return the SHA-256 of everything but the input that decides a result: options, settings, networks' hashes.

        Raises ManifestError, or ModelMissingError for a restorer that is not shipped.
        """
        settings = {
            name: getattr(self.settings, name)
            for name, row in TABLE.items()
            if row.in_restore and name not in _NO_PIXELS
        }
        restorer = store.entry(self.settings.restorer, self.settings.precision).sha256
        models = sorted(entry.sha256 for entry in store.entries() if entry.family is None or entry.sha256 == restorer)
        content = {
            "settings": settings,
            **({"provider": self.settings.provider} if self._provider_decides else {}),
            "models": models,
            "k_is_given": self.k_is_given,
            "detect_size": self.detect_size,
            "side_by_side": self.side_by_side,
            "aligned": self.aligned,
            "scale": self.scale,
            "encoder": self.encoder,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def _provider_decides(self) -> bool:
        """Whether another provider than the CPU chooses among the precisions."""
        return self.settings.precision == SHIPPED and self.settings.provider != CPU.name


@dataclass(frozen=True, kw_only=True)
class Job:
    """Restore `input`, a file or a folder, into `output`, as typed by a person.

    Without `overwrite`, files that are there are kept, and a single one is refused.
    """

    input: str
    output: str
    options: RestoreOptions = field(default_factory=RestoreOptions)
    overwrite: bool = False
