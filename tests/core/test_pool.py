from __future__ import annotations

import threading

import numpy as np

from app.core.pool import ImagePool

SHAPE = (72, 128, 3)


def address(image: np.ndarray) -> int:
    return image.__array_interface__["data"][0]


def test_memory_is_used_again_once_nobody_holds_the_picture() -> None:
    pool = ImagePool()
    image = pool.empty(SHAPE)
    place = address(image)

    del image

    assert address(pool.empty(SHAPE)) == place


def test_a_picture_that_is_held_keeps_its_memory() -> None:
    pool = ImagePool()
    held = pool.copy(np.full(SHAPE, 7, np.uint8))

    for _ in range(20):
        pool.empty(SHAPE)[:] = 9

    assert (held == 7).all()


def test_a_part_of_a_picture_keeps_all_of_it() -> None:
    pool = ImagePool()
    part = pool.copy(np.full(SHAPE, 7, np.uint8))[10:20, ::2]
    view = memoryview(pool.copy(np.full(SHAPE, 8, np.uint8)))

    for _ in range(20):
        pool.empty(SHAPE)[:] = 9

    assert (part == 7).all()
    assert bytes(view) == b"\x08" * view.nbytes


def test_another_size_gets_memory_of_its_own() -> None:
    pool = ImagePool()
    for shape in (SHAPE, (36, 64, 3), (1, 1, 3), SHAPE):
        image = pool.empty(shape)
        assert image.shape == shape
        assert image.flags.c_contiguous
        del image


def test_pictures_pass_between_threads() -> None:
    pool = ImagePool()
    wrong: list[int] = []

    def work(level: int) -> None:
        for _ in range(300):
            image = pool.copy(np.full(SHAPE, level, np.uint8))
            if not (image == level).all():
                wrong.append(level)

    threads = [threading.Thread(target=work, args=(level,)) for level in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
