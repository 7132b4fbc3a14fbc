"""What every test shares: a screen for the tests that need one, and a temporary folder that is empty in the end."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import app.ui  # noqa: F401  (first: on Windows it loads ONNX Runtime's libraries before Qt's)

# isort: split
import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from app.core.words import set_language
from app.ui.garbage import GarbageCollector
from tools.virtual_display import virtual_display

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests read English, whatever the language of the machine; so do the programs that they start.
os.environ["LC_ALL"] = "C.UTF-8"


# Pytest's own folders, which it deletes, lie beside the one that the tests and the programs they start have to leave
# empty. A name for it must stay short: sockets are made in it.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
_CACHES = ("dask-scratch-space", "torchinductor_")  # what these libraries keep for their next start
TEMPORARY = Path(tempfile.mkdtemp(prefix="cfrnet-live-tests-"))
for variable in ("TMPDIR", "TEMP", "TMP"):
    os.environ[variable] = tempfile.tempdir = str(TEMPORARY)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail a run that leaves files in the temporary folder, and name them.

    Where several processes share the tests, each has a folder inside that of the one that gives them out, which looks.
    """
    yield
    for cache in TEMPORARY.glob("*"):
        if cache.name.startswith(_CACHES):
            shutil.rmtree(cache, ignore_errors=True)
    if hasattr(session.config, "workerinput"):
        with contextlib.suppress(OSError):
            TEMPORARY.rmdir()  # unless something was left in it
        return
    left = sorted(str(path.relative_to(TEMPORARY)) for path in TEMPORARY.rglob("*"))
    shutil.rmtree(TEMPORARY, ignore_errors=True)
    if left:
        print(f"\nleft in the temporary folder: {', '.join(left)}")
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Begin and end every test in English."""
    set_language("en")
    yield
    set_language("en")


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of Qt's platform; Xvfb is started where there is no screen."""
    with virtual_display() as platform:
        yield platform
        application = QCoreApplication.instance()
        if application is not None:
            shiboken6.delete(application)  # while its screen is still there


@pytest.fixture(scope="session")
def qapp_args(display: str) -> list[str]:
    """pytest-qt makes the QApplication with these, so the screen is there before it."""
    if "cv2" in os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", ""):
        del os.environ["QT_QPA_PLATFORM_PLUGIN_PATH"]
    return ["cfrnet-live-tests"]


@pytest.fixture
def collected_here(qapp: QApplication) -> Iterator[None]:
    """Windows of a test that asks for this first are destroyed in this thread, at the latest when the test ends."""
    gc.freeze()  # what is there already, which makes the collection at the end quick
    collector = GarbageCollector(qapp)
    yield
    collector.stop()


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(timeout=10)
    assert not [thread.name for thread in left if thread.is_alive()]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The faces and videos that are not part of the repository; the environment variable CFRNET_DATA says where."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CFRNET_DATA", root.parent / "shared"))
    if not (folder / "data" / "video").is_dir():
        pytest.skip(f"there are no videos in {folder}; CFRNET_DATA names another folder")
    return folder
