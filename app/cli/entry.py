"""From the typed words to an exit code: the one place where an error becomes a line on stderr."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from app.cli.parser import given_settings, parse
from app.core.errors import AppError
from app.core.log import log_path, set_up_log

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Carries out one command line. 0 done, 1 not done (stderr says why), 2 wrong option, 130 interrupted."""
    try:
        options = parse(arguments)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else EXIT_FAILED
    set_up_log()
    try:
        return _run(options)
    except AppError as error:
        print_error(error)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, nothing half-written was left.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        print_unexpected(error, doing=options.command)
    return EXIT_FAILED


def print_error(error: AppError) -> None:
    """One line that says what happened and, if there is something to do about it, one that says what."""
    print(f"error: {error.what}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


def print_unexpected(error: Exception, *, doing: str) -> None:
    """A short message instead of a traceback, which goes to the log file. Call it while handling `error`."""
    logging.getLogger(__name__).exception("unexpected error: %s", doing)
    print(f"error: something unexpected went wrong ({type(error).__name__}: {error}).", file=sys.stderr)
    print(f"hint: the details are in {log_path()}", file=sys.stderr)


def _run(options: argparse.Namespace) -> int:
    # Each command imports what it needs, so that --help and a wrong option answer at once and only the window
    # asks for Qt.
    if options.command == "window":
        from app.ui.application import run

        overrides = given_settings(options)
        return run(settings_overrides=overrides, source=overrides.pop("source", None))
    if options.command == "restore":
        from app.cli.restore import restore

        return EXIT_DONE if restore(options) else EXIT_FAILED
    from app.cli import inspection

    if options.command == "cameras":
        inspection.print_cameras()
        return EXIT_DONE
    if options.command == "models":
        return EXIT_DONE if inspection.print_models() else EXIT_FAILED
    inspection.print_benchmark(json_path=options.json)
    return EXIT_DONE
