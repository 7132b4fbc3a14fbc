"""A virtual display: runs Xvfb for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def virtual_display(*, size: str = "1920x1200", force: bool = False) -> Iterator[str]:
    """Set DISPLAY to a screen of `size` unless there is one; yields the name of Qt's platform for it.

    `force` takes a screen of its own even where there is one. Without Xvfb, Qt's offscreen platform is used.
    """
    if not sys.platform.startswith("linux") or (os.environ.get("DISPLAY") and not force):
        yield os.environ.get("QT_QPA_PLATFORM", "")
        return
    if shutil.which("Xvfb") is None:
        with _environment(QT_QPA_PLATFORM="offscreen"):
            yield "offscreen"
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(writing,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()  # Xvfb writes it when it is ready
        if not number:
            raise RuntimeError("Xvfb ended before it had a screen.")
        with _environment(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb"):
            yield "xcb"
    finally:
        server.terminate()
        server.wait(timeout=10)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
