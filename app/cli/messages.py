"""What the command line says on stderr. stdout is for results alone."""

from __future__ import annotations

import logging
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

from app.core.errors import AppError
from app.core.log import log_path


def program_name() -> str:
    """What a person types to start this: `cfrnet-live` where it was installed, `python main.py` in a checkout."""
    return "cfrnet-live" if Path(sys.argv[0]).stem == "cfrnet-live" else "python main.py"


def say(text: str) -> None:
    """One line on stderr, above a progress bar if one is shown. A stderr that is closed or full changes nothing."""
    # Whoever shows a bar has loaded tqdm; without it there is none, and a missing library can be reported.
    loaded = sys.modules.get("tqdm")
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError), loaded.tqdm.external_write_mode(file=sys.stderr) if loaded else nullcontext():
        print(printable(text), file=sys.stderr, flush=True)


def print_error(error: AppError, *, about: str = "") -> None:
    """One line that says what happened and, if there is something to do about it, one that says what."""
    say(f"error: {about}{': ' if about else ''}{one_line(error.what)}")
    if error.hint:
        say(f"hint: {one_line(error.hint)}")


def print_unexpected(error: Exception, *, about: str) -> None:
    """A short message instead of a traceback, which goes to the log file. Call it while handling `error`."""
    logging.getLogger(__name__).exception("unexpected error: %s", about)
    say(f"error: {about}: something unexpected went wrong ({type(error).__name__}: {one_line(str(error))}).")
    say(f"hint: The details are in {log_path()}")


def printable(text: str) -> str:
    """`text` without the control codes by which the name of a file could write on the terminal as it likes."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def one_line(text: str) -> str:
    return " ".join(text.split())
