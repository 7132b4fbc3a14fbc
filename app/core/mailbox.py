"""The mailbox between two threads: one slot in which the newest value wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot. A value that was not taken in time is replaced and counted, never queued."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._full = False
        self._dropped = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """The number of values that were replaced before they were taken."""
        with self._changed:
            return self._dropped

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    def put(self, value: T) -> int:
        """Put `value`; never blocks. Returns 1 when it replaced an untaken value, else 0. Ignored once closed."""
        with self._changed:
            if self._closed:
                return 0
            replaced = int(self._full)
            self._dropped += replaced
            self._value, self._full = value, True
            self._changed.notify_all()
            return replaced

    def take(self, timeout: float | None = None) -> T | None:
        """Return the newest value, at most once; None after `timeout` seconds (0 does not wait), or when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._full or self._closed, timeout)
            value, self._value, self._full = self._value, None, False
            return value

    def clear(self) -> None:
        """Discard the value in the slot without counting it as dropped."""
        with self._changed:
            self._value, self._full = None, False
            self._changed.notify_all()

    def close(self) -> None:
        """Empty the slot for good and wake all waiting threads."""
        with self._changed:
            self._value, self._full, self._closed = None, False, True
            self._changed.notify_all()
