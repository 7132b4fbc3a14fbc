"""Small files that say they are huge, and large ones that are: the peak of memory of the real command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from benchmarks.faults.bombs import jpeg_bomb, write_bombs
from benchmarks.faults.campaign import BYTES_A_PIXEL, MEMORY_BYTES
from benchmarks.faults.command import ROOT, run_command
from tests.faults.test_servers import HEAD, for_ever, part, serving

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the peak of a process that ended cannot be asked there"
)


def head_in(width: int, height: int) -> NDArray[np.uint8]:
    """A large head in a black picture, uint8 (H, W, 3) BGR."""
    side = min(width, height) * 6 // 10
    image = np.zeros((height, width, 3), np.uint8)
    image[:side, :side] = cv2.resize(skimage.data.astronaut()[:, :, ::-1], (side, side))
    return image


def test_every_kind_of_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    bombs = write_bombs(tmp_path / "in")
    answer = run_command(["restore", tmp_path / "in", tmp_path / "out", "--json"], tmp_path)
    refusals = {Path(entry["input"]).name: entry.get("error", "") for entry in answer.document["files"]}
    assert sorted(refusals) == sorted(path.name for path in bombs)
    # The video of 160x120 is damaged: its pictures are not of that size.
    assert [name for name, said in refusals.items() if "megapixels" not in said] == ["bomb.avi"]
    assert "damaged" in refusals["bomb.avi"]
    assert answer.peak_bytes < MEMORY_BYTES
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak in /proc")
def test_a_bomb_in_a_stream_takes_little_memory(tmp_path: Path) -> None:
    with serving(for_ever(part(jpeg_bomb()), HEAD), "http") as url:
        process = subprocess.Popen(
            [sys.executable, "main.py", "live", "--source", url, "--serve", "127.0.0.1:0"],
            cwd=ROOT,
            env={**os.environ, "CFRNET_LIVE_LOG_FOLDER": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = next((line for line in process.stdout if "megapixels" in line), "")
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert "60000x50000" in said
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_kb * 1024 < MEMORY_BYTES


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["8 bits.jpg", "16 bits.png"])
def test_a_picture_just_below_the_limit(tmp_path: Path, name: str) -> None:
    image = head_in(10_000, 9990) if name == "8 bits.jpg" else head_in(8000, 6240).astype(np.uint16) * 257
    if image.dtype == np.uint16:
        image = np.dstack([image, np.full(image.shape[:2], 40_000, np.uint16)])
    source, target = tmp_path / name, tmp_path / f"restored {name}"
    assert cv2.imwrite(str(source), image)
    answer = run_command(["restore", source, target, "--k", 1, "--json"], tmp_path)
    assert answer.code == 0, answer.said
    assert answer.document["files"][0]["faces"] == 1
    assert answer.peak_bytes < MEMORY_BYTES + BYTES_A_PIXEL * image.shape[0] * image.shape[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_video_just_below_the_limit(tmp_path: Path) -> None:
    image = head_in(8000, 4990)
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 8000, 4990, "yuv420p"
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
        for index in range(14):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    answer = run_command(["restore", tmp_path / "in.mp4", tmp_path / "out.mp4", "--k", 1, "--json"], tmp_path)
    assert answer.code == 0, answer.said
    assert answer.peak_bytes < MEMORY_BYTES + BYTES_A_PIXEL * image.shape[0] * image.shape[1]
