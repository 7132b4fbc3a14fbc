"""The entry of the command line: parsing, running, exit codes, and errors as lines on stderr."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import multiprocessing
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from app.cli.messages import print_error, print_unexpected, program_name, say
from app.cli.parser import given_settings, parse
from app.core.errors import AppError, DisplayError
from app.core.log import send_library_messages_to_log, set_up_log
from app.core.words import tr
from app.media.files import reason

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str], *, owns_process: bool = False) -> int:
    """Run one command line; returns 0 done, 1 not done (stderr says why), 2 wrong option, 130 interrupted.

    With `owns_process`, what libraries print on stderr by themselves goes to the log, but for those of the window.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A camera's name may have letters that a console or a pipe of Windows has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = parse(arguments)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else EXIT_FAILED
    except ImportError as error:  # the help of some commands lists what the libraries can do here
        set_up_log()
        print_error(_missing_library(error))
        return EXIT_FAILED
    set_up_log()
    if owns_process and options.command != "window":
        send_library_messages_to_log()
    try:
        code = _run(options, owns_process=owns_process)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except AppError as error:
        print_error(error)
    except KeyboardInterrupt:
        say(tr("interrupted: what was finished is kept, nothing half-written was left."))
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe, such as `head`, has ended
        return EXIT_FAILED
    except OSError as error:
        if error.filename is not None:
            logging.getLogger(__name__).exception("a file cannot be used")
            print_error(
                AppError(
                    "{path} cannot be used: {reason}.",
                    "Check its name and your rights.",
                    path=error.filename,
                    reason=reason(error),
                )
            )
        else:
            print_error(AppError("The results cannot be printed: {reason}.", reason=error.strerror or error))
    except ImportError as error:
        print_error(_missing_library(error))
    except Exception as error:
        print_unexpected(error, about=options.command)
    return EXIT_FAILED


def console() -> int:
    """Run the command line of this process."""
    multiprocessing.freeze_support()  # in a package without Python, batch workers run this program again
    _open_closed_descriptors()
    try:
        return main(sys.argv[1:], owns_process=True)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush_or_discard(stream)


def _open_closed_descriptors() -> None:
    """Keep files that are opened later from becoming stdout or stderr, into which libraries write."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _flush_or_discard(stream: TextIO | None) -> None:
    """Write what `stream` holds; what cannot be written would fail once more at the end of the process."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _missing_library(error: ImportError) -> AppError:
    logging.getLogger(__name__).exception("a library is missing")
    return AppError(
        "A library that this needs cannot be loaded: {error}.",
        "Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks.",
        error=error,
    )


def _expect_display() -> None:
    """Raise DisplayError where Qt would abort the process."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in names):
        raise DisplayError(
            "There is no display to open a window on.",
            "Start it on a desktop. Without one, `{program} restore` works on files; see --help.",
            program=program_name(),
        )


def _run(options: argparse.Namespace, *, owns_process: bool) -> int:
    # Each command imports what it needs, so that --help and wrong options respond at once and only the window
    # asks for Qt.
    if options.command == "window":
        _expect_display()
        from app.ui.application import run

        overrides = given_settings(options)
        return run(settings_overrides=overrides, source=overrides.pop("source", None))
    if options.command == "restore":
        from app.batch.workforce import Workforce, early_workers

        one_process = options.cluster or options.compare or options.join or not owns_process
        workforce = Workforce(0 if one_process else early_workers(options.input, options.workers))
        try:
            from app.cli.restore import restore

            return EXIT_DONE if restore(options, workforce) else EXIT_FAILED
        finally:
            workforce.dismiss()
    if options.command == "live":
        from app.cli.live import live

        live(options)
        return EXIT_DONE
    from app.cli import inspection

    if options.command == "cameras":
        inspection.print_cameras()
        return EXIT_DONE
    if options.command == "models":
        return EXIT_DONE if inspection.print_models() else EXIT_FAILED
    if options.providers:
        inspection.print_providers()
        return EXIT_DONE
    inspection.print_benchmark(json_path=options.json, overwrite=options.overwrite)
    return EXIT_DONE
