from __future__ import annotations

import threading

from app.core.mailbox import Mailbox


def test_the_newest_value_wins_and_the_replaced_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    assert [box.put(i) for i in range(5)] == [0, 1, 1, 1, 1]
    assert box.take(0) == 4
    assert box.take(0) is None
    assert box.dropped == 4


class Waited(threading.Condition):
    """A condition that says when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.set()  # the lock is held until the wait has begun
        return super().wait(timeout)


def waiting_taker(box: Mailbox[int], taken: list[int | None]) -> threading.Thread:
    """A thread that waits for the next value of `box` and appends it to `taken`."""
    box._changed = changed = Waited()
    taker = threading.Thread(target=lambda: taken.append(box.take(30)))
    taker.start()
    assert changed.waits.wait(10)
    return taker


def test_a_waiting_taker_gets_what_is_put() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    taker = waiting_taker(box, taken)
    box.put(7)
    taker.join(10)
    assert taken == [7]


def test_closing_wakes_takers_and_empties_the_slot() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    taker = waiting_taker(box, taken)
    box.close()
    taker.join(10)
    assert taken == [None]
    assert box.put(1) == 0
    assert box.take(0) is None


def test_clearing_counts_nothing_as_dropped() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.clear()
    assert box.take(0) is None
    assert box.dropped == 0
