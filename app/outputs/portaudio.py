"""PortAudio through the module `sounddevice`, which is passed in. It lists the sound devices only when it starts."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()
_streams: weakref.WeakSet[Any] = weakref.WeakSet()


def open_stream(kind: Callable[..., Any], **options: Any) -> Any:
    """Open a stream of `kind`, one of the classes of `sounddevice`. Raises PortAudioError and ValueError as it does."""
    with _lock:
        stream = kind(**options)
        _streams.add(stream)
    return stream


def look_for_devices(sounddevice: Any) -> None:
    """Find the devices plugged in or out since PortAudio started, unless one of our streams is open.

    It has to be started anew, which would end the stream. Raises PortAudioError.
    """
    with _lock:
        if all(stream.closed for stream in _streams):
            if sounddevice._initialized:
                sounddevice._terminate()
            sounddevice._initialize()
