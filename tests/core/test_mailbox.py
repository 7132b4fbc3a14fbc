from __future__ import annotations

import threading

from app.core.mailbox import Mailbox


def test_the_newest_value_wins_and_the_replaced_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    assert [box.put(i) for i in range(5)] == [0, 1, 1, 1, 1]
    assert box.take(0) == 4
    assert box.take(0) is None
    assert box.dropped == 4


def test_a_waiting_taker_gets_what_is_put() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    taker = threading.Thread(target=lambda: taken.append(box.take(10)))
    taker.start()
    box.put(7)
    taker.join(10)
    assert taken == [7]


def test_closing_wakes_takers_and_empties_the_slot() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    taker = threading.Thread(target=lambda: taken.append(box.take(None)))
    taker.start()
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
