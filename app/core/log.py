"""The log file, for details such as the traceback of an unexpected error."""

from __future__ import annotations

import contextlib
import getpass
import io
import logging
import logging.handlers
import os
import stat
import sys
import tempfile
from pathlib import Path

_ROTATED_BEYOND = 1_000_000
"""Bytes of the log beyond which the next start begins a new file, and keeps the last two."""

_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"


def log_folder() -> Path:
    """Return the platform's folder for logs. The environment variable CFRNET_LIVE_LOG_FOLDER overrides it."""
    override = os.environ.get("CFRNET_LIVE_LOG_FOLDER")
    if override:
        return Path(override)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Logs" / "CFRNet Live"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "CFRNet Live" / "Logs"
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "cfrnet-live"


def log_path() -> Path:
    """Return the log file that the handler of `set_up_log` writes, or would write."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.handlers.RotatingFileHandler):
            return Path(handler.baseFilename)
    return log_folder() / "cfrnet-live.log"


def set_up_log(*, level: int = logging.INFO) -> Path:
    """Send the root logger to the log file and return its path; calling it again changes nothing.

    A folder that cannot be written is replaced by a private temporary one, so that a missing log does not stop the
    application. Only the owner can read the log. It is rotated here alone: what libraries write to stderr would go on
    into the renamed file, and Windows renames no file that is open.
    """
    root = logging.getLogger()
    if not any(isinstance(handler, logging.handlers.RotatingFileHandler) for handler in root.handlers):
        try:
            handler = _open(log_folder())
        except RuntimeError:  # a user without a home folder
            handler = None
        handler = handler or _open(_temporary_folder())
        if handler is not None:
            handler.setFormatter(logging.Formatter(_FORMAT))
            root.addHandler(handler)
            root.setLevel(level)
    return log_path()


def send_library_messages_to_log() -> None:
    """Send to the log what libraries write to the descriptor of stderr, and warnings. `sys.stderr` stays as it is."""
    logging.captureWarnings(True)
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        descriptor = sys.stderr.fileno()
        log = os.open(log_path(), os.O_WRONLY | os.O_APPEND)
        own = open(os.dup(descriptor), "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1)  # noqa: PTH123, SIM115
        os.dup2(log, descriptor)
        os.close(log)
        sys.stderr = own


def _temporary_folder() -> Path:
    """A private folder among the temporary files, the same one every time unless somebody else has made it."""
    folder = (
        Path(tempfile.gettempdir()) / f"cfrnet-live-{getpass.getuser() if sys.platform == 'win32' else os.getuid()}"
    )
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if sys.platform == "win32" or (
            stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
        ):
            return folder
    return Path(tempfile.mkdtemp(prefix="cfrnet-live-"))


def _open(folder: Path) -> logging.Handler | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = _PrivateLog(folder / "cfrnet-live.log", backupCount=2, encoding="utf-8")
    except OSError:
        return None
    with contextlib.suppress(OSError):  # another process has it open on Windows: it grows a little more
        if Path(log.baseFilename).stat().st_size > _ROTATED_BEYOND:
            log.doRollover()
    return log


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """A log file that only its owner can read and that follows no link."""

    def _open(self) -> io.TextIOWrapper:
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.baseFilename, flags, 0o600)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        return open(descriptor, "a", encoding="utf-8")  # noqa: PTH123  (a descriptor; the handler closes it)
