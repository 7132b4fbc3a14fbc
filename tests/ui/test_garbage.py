"""Cyclic garbage with widgets in it is destroyed in the window's thread, however much other threads allocate."""

from __future__ import annotations

import gc
import threading
import weakref

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.garbage import GarbageCollector


class Ring:
    """An object in a cycle that says which thread collected it."""

    def __init__(self, told: list[threading.Thread]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: told.append(threading.current_thread()))


def allocate_much() -> None:
    for _ in range(20):
        rings = [[] for _ in range(2000)]  # type: ignore[var-annotated]
        for each in rings:
            each.append(each)


def collectors(told: list[threading.Thread]) -> set[threading.Thread]:
    Ring(told)
    thread = threading.Thread(target=allocate_much)
    thread.start()
    thread.join()
    return set(told)


def test_another_thread_collects_nothing(qapp: QApplication, qtbot: QtBot) -> None:
    told: list[threading.Thread] = []
    (by_itself,) = collectors(told)
    assert by_itself is not threading.main_thread(), "the thread that allocates collects"
    told.clear()
    parent = QObject()
    collector = GarbageCollector(parent)
    try:
        assert collectors(told) == set()
        qtbot.waitUntil(lambda: told == [threading.main_thread()], timeout=5000)
        assert not gc.isenabled()
    finally:
        collector.stop()
    assert gc.isenabled()
