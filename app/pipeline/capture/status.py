"""The state of a source, and the waiting time before it is tried again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from app.core.errors import AppError
from app.sources.base import SourceInfo

SourceState = Literal["connecting", "online", "offline", "ended", "failed"]


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """The state of a source.

    `info` is known from the first time the source was online, `error` says why it is offline or failed. "ended" is the
    regular end of a file, "failed" is final, "offline" is tried again in `retry_in_s` seconds. `since` is when it began
    (`time.perf_counter()`): frames captured before a "connecting" are of the source before.
    """

    state: SourceState
    info: SourceInfo | None = None
    error: AppError | None = None
    retry_in_s: float | None = None
    since: float = field(default_factory=time.perf_counter, compare=False)


@dataclass(frozen=True, kw_only=True)
class ReconnectPolicy:
    """Waits `first_s` before the first attempt to reconnect, `factor` times longer before each further one."""

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 8.0

    def delay_s(self, failures: int) -> float:
        """Return the seconds to wait after `failures` attempts in a row that never came online."""
        return min(self.first_s * self.factor ** min(failures, 32), self.longest_s)
