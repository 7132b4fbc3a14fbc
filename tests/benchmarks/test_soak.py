"""The parts of the soak that could hide a fault of their own."""

from __future__ import annotations

import time

from benchmarks.soak import Viewer
from tests.faults.test_servers import HEAD, JPEG, part, say, serving


def test_a_viewer_that_loses_the_stream_connects_again() -> None:
    with serving(say(HEAD + part(JPEG)), "http") as url:  # every connection ends after one picture
        host, _, port = url.removeprefix("http://").removesuffix("/video").rpartition(":")
        viewer = Viewer((host, int(port)), pause_s=0.01, timeout_s=5)
        deadline = time.perf_counter() + 60
        while viewer.connections < 3 and time.perf_counter() < deadline:
            time.sleep(0.01)
        viewer.close()
    assert viewer.connections >= 3
    assert viewer.bytes >= 2 * len(JPEG)
