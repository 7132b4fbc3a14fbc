"""Ways to damage the bytes of a file, by a random generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def _none(data: bytes, random: np.random.Generator) -> bytes:
    return data


def _cut(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(1, len(data)))]


def _cut_late(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(len(data) // 2, len(data)))]


def _flip(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in random.integers(0, len(data), max(1, len(data) // 500)):
        changed[place] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _flip_head(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in random.integers(0, min(200, len(data)), 6):
        changed[place] = int(random.integers(256))
    return bytes(changed)


def _flip_one(data: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(data)
    changed[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _blank(data: bytes, random: np.random.Generator) -> bytes:
    start = int(random.integers(len(data)))
    length = int(random.integers(1, max(2, len(data) // 4)))
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


def _leave_out(data: bytes, random: np.random.Generator) -> bytes:
    start = int(random.integers(len(data)))
    return data[:start] + data[start + int(random.integers(1, max(2, len(data) // 3))) :]


def _repeat(data: bytes, random: np.random.Generator) -> bytes:
    start = int(random.integers(len(data)))
    return data[:start] + data[start : start + 2000] * 3 + data[start:]


def _append(data: bytes, random: np.random.Generator) -> bytes:
    return data + random.bytes(int(random.integers(1, 5000)))


def _playlist(data: bytes, random: np.random.Generator) -> bytes:
    return b"ffconcat version 1.0\nfile case.mp4\n" + data[: int(random.integers(100))]


DAMAGES: dict[str, Damage] = {
    each.__name__.strip("_").replace("_", "-"): each
    for each in (_none, _cut, _cut_late, _flip, _flip_head, _flip_one, _blank, _leave_out, _repeat, _append, _playlist)
}
"""By their names; "none" leaves a file as it is."""
