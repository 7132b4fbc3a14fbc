"""Virtual cameras that need no driver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outputs.virtual_device import StoringBackend


@pytest.fixture
def camera_backend() -> Iterator[type[StoringBackend]]:
    """pyvirtualcam with one backend, which keeps what it gets."""
    pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed")
    from pyvirtualcam import camera

    before = dict(camera.BACKENDS)
    camera.BACKENDS.clear()
    pyvirtualcam.register_backend("stored", StoringBackend)
    StoringBackend.reset()
    yield StoringBackend
    camera.BACKENDS.clear()
    camera.BACKENDS.update(before)
