"""Distributing every frame to all running outputs, and a card to the live ones while there is no frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from app.core.errors import OutputError
from app.core.types import Restored
from app.core.words import Words
from app.outputs.base import Output, OutputDescriptor, OutputState
from app.outputs.views import Card, FrameViews

_CARD_SIZE = (1280, 720)


class FanOut:
    """The outputs of a session, at most one of a kind. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, tuple[OutputDescriptor, Output]] = {}
        self._away: Words = ""
        self._newest: FrameViews | None = None

    def start(self, descriptor: OutputDescriptor, output: Output) -> None:
        """Start `output` and send it every frame from now on. Raises OutputError when one of its kind runs."""
        with self._lock:
            if descriptor.name in self._running:
                raise OutputError("{label} is on already.", "Stop it first.", label=descriptor.label)
            self._running[descriptor.name] = descriptor, output
            newest = self._newest
        try:
            output.start()
        except BaseException:
            self.remove(descriptor.name)
            raise
        if newest is not None and descriptor.is_live:
            output.put(newest)

    def remove(self, name: str) -> Output | None:
        """Remove the output called `name` and return it, still running; None when there is none."""
        with self._lock:
            _, output = self._running.pop(name, (None, None))
        return output

    def stop(self, name: str) -> None:
        """Stop the output called `name`, if it runs, and wait until it has released everything."""
        output = self.remove(name)
        if output is not None:
            output.stop()

    def get(self, name: str) -> Output | None:
        """Return the running output called `name`, None when there is none."""
        with self._lock:
            return self._running.get(name, (None, None))[1]

    def put(self, restored: Restored, *, view: str, split: float, captions: bool) -> None:
        """Send a frame to every output; while a card is shown, only to those that keep every frame. Never blocks."""
        views = FrameViews(restored, view=view, split=split, captions=captions)
        with self._lock:
            if not self._away:
                self._newest = views
            for descriptor, output in self._running.values():
                if not (self._away and descriptor.is_live):
                    output.put(views)

    def show_card(self, text: Words) -> None:
        """Show live outputs a card with `text` instead of frames from now on; empty ends that."""
        with self._lock:
            if text == self._away:
                return
            self._away = text
            if not text:
                return
            height, width = self._newest.restored.image.shape[:2] if self._newest is not None else _CARD_SIZE[::-1]
            card = Card(text, size=(width, height), t_capture=self._clock())
            self._newest = card
            for descriptor, output in self._running.values():
                if descriptor.is_live:
                    output.put(card)

    def states(self) -> dict[str, OutputState]:
        """Return the state of every running output by its name."""
        with self._lock:
            running = list(self._running.items())
        return {name: output.state() for name, (_, output) in running}

    def close(self) -> None:
        """Stop every output."""
        with self._lock:
            names = list(self._running)
        for name in names:
            self.stop(name)
