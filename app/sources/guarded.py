"""Base classes of sources over a device or a demuxer, which must not be released while a call is using it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from app.core.errors import SourceOfflineError
from app.core.types import Frame, Image
from app.sources.base import SourceInfo


class ReleaseGuard:
    """Releases a capture that is not thread-safe exactly once, and never while a call is using it.

    Freeing a device or demuxer while another thread waits in it crashes the process. So `close` frees it only when it
    is idle; otherwise the calling thread frees it when its call returns. A call that fails frees it as well.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False
        self._release: Callable[[], None] | None = None

    @property
    def closed(self) -> bool:
        """Whether it was closed, or a call failed."""
        with self._lock:
            return self._closed

    def __enter__(self) -> ReleaseGuard:
        with self._lock:
            self._busy = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._lock:
            self._busy = False
            self._closed = self._closed or kind is not None
            release = self._take() if self._closed else None
        if release is not None:
            release()

    def owns(self, release: Callable[[], None]) -> None:
        """Let `release` free the capture from now on."""
        with self._lock:
            self._release = release

    def close(self) -> None:
        """Release the capture now, or when the current call returns."""
        with self._lock:
            self._closed = True
            release = None if self._busy else self._take()
        if release is not None:
            release()

    def _take(self) -> Callable[[], None] | None:
        release, self._release = self._release, None
        return release


class GuardedSource:
    """Base of sources over a device or a demuxer: the guard, the info once open, and the number of frames."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = ReleaseGuard()
        self._info: SourceInfo | None = None
        self._index = 0

    @property
    def info(self) -> SourceInfo:
        assert self._info is not None, "a source has its info once it is open"
        return self._info

    def close(self) -> None:
        self._guard.close()


class LiveSource(GuardedSource, ABC):
    """Base of cameras and streams: the frames' times, and a `close` that waits for nothing.

    A subclass implements opening and reading; both are called under the guard.
    `mirrored` goes into its frames.
    """

    mirrored = False

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._pending: tuple[Image, float] | None = None
        self._t_first = 0.0

    def open(self) -> None:
        with self._guard:
            self._pending, self._info = self._begin()
            self._t_first = self._pending[1]

    def read(self) -> Frame | None:
        with self._guard:
            if self._guard.closed or self._info is None:
                return None
            if self._pending is not None:
                (image, t_capture), self._pending = self._pending, None
            else:
                try:
                    image, t_capture = self._next()
                except SourceOfflineError:
                    if self._guard.closed:
                        return None
                    raise
                if self._guard.closed:
                    return None
            frame = Frame(
                image=image,
                index=self._index,
                t_capture=t_capture,
                t_media=t_capture - self._t_first,
                mirrored=self.mirrored,
            )
            self._index += 1
            return frame

    @abstractmethod
    def _begin(self) -> tuple[tuple[Image, float], SourceInfo]:
        """Open it, hand its release to the guard, and return the first picture, its capture time and the info."""

    @abstractmethod
    def _next(self) -> tuple[Image, float]:
        """Return the next picture and its capture time. Raises SourceOfflineError."""
