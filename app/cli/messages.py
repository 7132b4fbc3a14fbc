"""What the command line prints: messages on stderr, results on stdout, neither with control codes in it."""

from __future__ import annotations

import errno
import io
import logging
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

from app.core.errors import AppError
from app.core.log import log_path
from app.core.words import Words, phrase, tr


def program_name() -> str:
    """Return the command that starts this: `cfrnet-live` when installed, `python main.py` in a checkout."""
    return "cfrnet-live" if Path(sys.argv[0]).stem == "cfrnet-live" else "python main.py"


class Stderr:
    """Stderr for everything that is printed there; one that is closed or full changes nothing."""

    @property
    def encoding(self) -> str:
        """What is written in, "" when stderr is closed."""
        return getattr(sys.stderr, "encoding", None) or ""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        try:
            return sys.stderr.isatty()
        except (ValueError, AttributeError):
            return False

    def fileno(self) -> int:
        """The descriptor, for the width of the terminal. Raises io.UnsupportedOperation without one."""
        if sys.stderr is None:
            raise io.UnsupportedOperation("stderr is closed")
        return sys.stderr.fileno()


STDERR = Stderr()


def say(text: str) -> None:
    """Print one line on stderr, above a progress bar if one is shown."""
    # Without tqdm loaded no bar is shown; not importing it here keeps a missing library reportable.
    loaded = sys.modules.get("tqdm")
    with loaded.tqdm.external_write_mode(file=STDERR) if loaded else nullcontext():
        STDERR.write(printable(text) + "\n")
        STDERR.flush()


def show(text: str) -> None:
    """Print results, in one or several lines, on stdout. Raises OSError when it is closed or full."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "stdout is closed")
    print(printable(text), flush=True)


def print_error(error: AppError, *, about: str = "") -> None:
    """Print one line that says what happened and, with a hint, one that says what to do."""
    what = f"{about}: {error.what}" if about else error.what
    say(one_line(tr("error: {what}", what=what)))
    if error.hint:
        say(one_line(tr("hint: {what}", what=error.hint)))


def print_unexpected(error: Exception, *, about: str) -> None:
    """Print a short message and log the traceback. Call it while handling `error`."""
    logging.getLogger(__name__).exception("unexpected error: %s", about)
    unexpected = phrase("something unexpected went wrong ({error}).", error=f"{type(error).__name__}: {error}")
    print_error(AppError(unexpected, phrase("The details are in {log}", log=log_path())), about=about)


def note(words: Words, *, about: str = "") -> None:
    """One line that says something worth knowing."""
    say(one_line(tr("note: {what}", what=f"{about}: {words}" if about else str(words))))


def printable(text: str) -> str:
    """Return `text` without control codes, by which a file's name could control the terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space."""
    return " ".join(text.split())
