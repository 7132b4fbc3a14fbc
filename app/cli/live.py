"""The `live` command: a session without a window, whose outputs run until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterable

from app.cli.messages import note, one_line, print_error, show
from app.cli.parser import given_settings
from app.core.errors import AppError, SourceOpenError
from app.core.settings import Settings
from app.core.words import Phrase, Words, joined, phrase, tr
from app.outputs.base import OutputState
from app.pipeline.capture.status import SourceStatus
from app.pipeline.live.events import CyclesChanged, Notice
from app.pipeline.live.session import LiveSession
from app.restorers.base import EngineInfo
from app.restorers.providers import CPU
from app.restorers.store import ModelStore
from app.sources.registry import parse_source

_POLL_S = 0.2

_STATES = {
    "connecting": phrase("connecting"),
    "online": phrase("online"),
    "offline": phrase("offline"),
    "ended": phrase("ended"),
    "failed": phrase("failed"),
    "starting": phrase("starting"),
    "live": phrase("live"),
    "waiting": phrase("waiting"),
    "stopped": phrase("stopped"),
}
"""The states of sources and outputs, as they are called."""


class _Console:
    """Prints the source's events line by line, and keeps the error that ends the command."""

    def __init__(self) -> None:
        self.failed = threading.Event()
        self.error: AppError | None = None

    def on_frame(self) -> None:
        """Ignore it: the outputs have the frame already."""

    def on_status(self, status: SourceStatus) -> None:
        facts: list[Words] = [_STATES[status.state]]
        if status.info is not None:
            facts += [status.info.name, f"{status.info.width} x {status.info.height}"]
        _print(_with_reason(phrase("source: {facts}", facts=joined(facts)), status.error))
        if status.state == "failed":
            self.error = status.error or SourceOpenError("The source failed.")
            self.failed.set()

    def on_error(self, error: AppError) -> None:
        print_error(error)

    def on_notice(self, notice: Notice) -> None:
        if isinstance(notice, CyclesChanged):
            _print(tr("auto k: {k} of {wanted}", k=notice.k, wanted=notice.wanted))


def live(options: argparse.Namespace) -> None:
    """Run until Ctrl-C or a final failure, which raises the AppError of the source or of the last output.

    A restorer that is given without k is applied as often as it is made for. Before anything is opened, raises
    ModelMissingError for a restorer or a precision that does not ship, SettingError for a k that it cannot do,
    ManifestError and ModelIntegrityError.
    """
    store, given = ModelStore(), given_settings(options)
    shipped = store.restorer(given.get("restorer", ""))
    if "k" in given:
        shipped.expect_k(given["k"])
    elif "restorer" in given:
        given["k"] = shipped.default_k
    settings = Settings(mirror=False, play_sound=False).replace(**given)
    entry = store.entry(settings.restorer, settings.precision)
    if settings.provider == CPU.name:  # another one may run another file
        store.load(entry)
    names = ["virtual-camera"] if options.virtual_camera else []
    names += ["network-stream"] if hasattr(options, "stream_address") else []
    console = _Console()
    # Services are stopped with SIGTERM, which is treated like Ctrl-C.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    session: LiveSession | None = None
    try:
        session = LiveSession(store, settings, console)
        session.open(parse_source(settings.source, settings))
        for name in names:
            session.start_output(name)
        _watch(session, console)
    except KeyboardInterrupt:
        _print(tr("stopped."))
    finally:
        if session is not None:
            session.close()
        signal.signal(signal.SIGTERM, previous)


def _watch(session: LiveSession, console: _Console) -> None:
    """Print every change of an output's state, and once, which provider is used in the place of another."""
    shown: dict[str, str] = {}
    engine: EngineInfo | None = None
    while not console.failed.wait(_POLL_S):
        if engine is None and (engine := session.engine_info()) is not None and not engine.as_asked:
            note(engine.replaced)
        states = session.output_states()
        for name, state in states.items():
            line = state_line(name, state)
            if shown.get(name) != line:
                shown[name] = line
                _print(line)
        if (error := _all_failed(states.values())) is not None:
            raise error
    assert console.error is not None
    raise console.error


def state_line(name: str, state: OutputState) -> str:
    """Return one line about an output: its name, its state, and its detail or error."""
    facts = (_STATES[state.status], state.detail) if state.detail else (_STATES[state.status],)
    return _with_reason(joined((name, joined(facts)), ": "), state.error)


def _all_failed(states: Iterable[OutputState]) -> AppError | None:
    """Return the last output's error when all have failed for good, else None."""
    error: AppError | None = None
    for state in states:
        if state.status != "failed":
            return None
        error = state.error
    return error


def _with_reason(words: Phrase, error: AppError | None) -> str:
    return one_line(f"{words}: {error}" if error is not None else str(words))


def _print(line: str) -> None:
    """Print a line on stdout; the session goes on when nobody can read it."""
    with contextlib.suppress(OSError, ValueError):
        show(line)
