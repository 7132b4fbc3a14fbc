"""Several faces at one time: a core for each face, where that is faster than all cores for one face after the other.

The layers of a small network are too short to be shared well between cores; faces are independent, and share perfectly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from queue import SimpleQueue
from typing import TypeVar

from app.core.types import Rectangle
from app.restorers.family import Restorer

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lanes:
    """Restorers of one thread each, which share the faces of a frame. One caller at a time."""

    def __init__(
        self, restorers: Sequence[Restorer], pool: Executor, *, cycle_ms: float, cycle_on_all_cores_ms: float
    ) -> None:
        """`pool` has a thread for each of `restorers`. `cycle_ms` is the time of a cycle on one of them, the other that
        of the restorer which takes every core for itself: whichever is expected to finish sooner is chosen."""
        self._free: SimpleQueue[Restorer] = SimpleQueue()
        for restorer in restorers:
            self._free.put(restorer)
        self._count = len(restorers)
        self._pool = pool
        self._cycle_ms, self._cycle_on_all_cores_ms = cycle_ms, cycle_on_all_cores_ms

    def share_of(self, faces: int) -> int:
        """How many of `faces` are better restored on the lanes; all cores take the others one after the other."""
        rest = faces % self._count
        if self._cycle_ms >= self._count * self._cycle_on_all_cores_ms:
            return 0
        return faces if self._cycle_ms < rest * self._cycle_on_all_cores_ms else faces - rest

    def map(self, function: Callable[[Item, Restorer], Result], items: Sequence[Item]) -> list[Result]:
        """Return `function` of every item and a restorer that nothing else uses meanwhile, in the items' order.

        When it raises, the first error is raised here, after every other item is through.
        """

        def run(item: Item) -> Result:
            restorer = self._free.get()
            try:
                return function(item, restorer)
            finally:
                self._free.put(restorer)

        futures = [self._pool.submit(run, item) for item in items]
        wait(futures)
        return [future.result() for future in futures]


def rounds(rectangles: Sequence[Rectangle | None]) -> list[list[int]]:
    """Indices of `rectangles` in rounds that follow each other: none overlaps another one of its round.

    Of two that overlap, the first in the sequence is in the earlier round. None overlaps nothing.
    """
    numbers: list[int] = []
    for index, one in enumerate(rectangles):
        overlapped = (numbers[before] for before in range(index) if _overlap(one, rectangles[before]))
        numbers.append(max(overlapped, default=-1) + 1)
    return [[index for index, number in enumerate(numbers) if number == each] for each in sorted(set(numbers))]


def _overlap(one: Rectangle | None, other: Rectangle | None) -> bool:
    if one is None or other is None:
        return False
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
