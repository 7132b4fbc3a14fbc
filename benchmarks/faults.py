"""Damage pictures and videos by seed and read and rewrite each: nothing may crash, be left behind or take the memory.

python -m benchmarks.faults [--minutes 2] [--seed 0]

Prints how many cases were refused by name, kept as far as they go, noted or done, and lists every surprise: an
exception that is no AppError, a file left behind, memory beyond 1.5 GB plus 12 bytes a pixel. Exits with 1 for one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import psutil

from app.batch.videos.restore import restore_video
from app.core.errors import AppError
from app.core.types import Frame, Restored
from app.media.pictures.picture import read_picture, write_picture

MEMORY_BYTES = 1_500_000_000
BYTES_A_PIXEL = 12

_PICTURES = (".png", ".jpg", ".webp", ".bmp", ".tif", ".jp2", ".avif", ".ppm")
_VIDEOS = (".mp4", ".mkv", ".ts", ".avi", ".mov")


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result for a damaged file: refused, incomplete, noted, done, or a surprise that `detail` describes."""

    outcome: str
    name: str
    detail: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="where the cases begin (default 0)")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        for result in results(Path(folder), seed=options.seed):
            counts[result.outcome] += 1
            if result.outcome == "surprise":
                print(f"{result.name}: {result.detail}")
            if time.monotonic() > end:
                break
    print(f"{counts.total()} cases: " + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
    print(f"peak memory {psutil.Process().memory_info().rss / 1e6:.0f} MB at the end")
    return 1 if counts["surprise"] else 0


def results(folder: Path, *, seed: int) -> Iterator[Result]:
    """The results of case `seed`, `seed + 1` and so on, for ever. `folder` is used and left empty."""
    originals = {suffix: picture_file(suffix) for suffix in _PICTURES}
    originals |= {suffix: video_file(folder / f"original{suffix}") for suffix in _VIDEOS}
    suffixes = list(originals)
    while True:
        random = np.random.default_rng(seed)
        suffix = suffixes[seed % len(suffixes)]
        mutation = _MUTATIONS[int(random.integers(len(_MUTATIONS)))]
        source = folder / f"case-{seed}-{mutation.__name__.strip('_')}{suffix}"
        source.write_bytes(mutation(originals[suffix], random))
        yield run_case(source)
        source.unlink()
        seed += 1


def run_case(source: Path) -> Result:
    """Read `source` and write it anew beside it, then delete that again."""
    before = psutil.Process().memory_info().rss
    is_picture = source.suffix in _PICTURES
    target = source.with_name(f"out{source.suffix if is_picture else '.mkv'}")
    pixels = 0
    try:
        if is_picture:
            picture = read_picture(source)
            pixels = picture.bgr.shape[0] * picture.bgr.shape[1]
            write_picture(target, picture, 255 - picture.bgr)
            outcome = "noted" if picture.facts.losses else "done"
        else:
            outcome = "noted" if restore_video(source, target, _inverted).notes else "done"
    except AppError as error:
        outcome = "incomplete" if "incomplete" in error.hint else "refused"
    except Exception:
        return Result(outcome="surprise", name=source.name, detail=traceback.format_exc(limit=-3))
    finally:
        for made in source.parent.glob("out*"):
            left = made.name.endswith(".part")
            made.unlink()
            if left:
                return Result(outcome="surprise", name=source.name, detail=f"{made.name} was left")  # noqa: B012
    used = psutil.Process().memory_info().rss - before
    if used > MEMORY_BYTES + BYTES_A_PIXEL * pixels:
        return Result(outcome="surprise", name=source.name, detail=f"it took {used / 1e6:.0f} MB")
    return Result(outcome=outcome, name=source.name)


def picture_file(suffix: str) -> bytes:
    """A small picture with everything in it, smooth and noisy."""
    random = np.random.default_rng(1)
    image = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    image[60:, 80:] = random.integers(0, 256, (60, 80, 3), np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


def video_file(path: Path) -> bytes:
    """Two seconds of moving pictures with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4" if path.suffix == ".avi" else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("mp2" if path.suffix == ".avi" else "aac", rate=48000, layout="mono")
        for index in range(50):
            image = np.roll(np.tile(np.arange(160, dtype=np.uint8), (120, 1)), 3 * index, axis=1)
            frame = av.VideoFrame.from_ndarray(np.dstack([image] * 3), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        size = sound.codec_context.frame_size or 1152
        layout_format = sound.codec_context.format.name
        tone = np.sin(np.arange(96000) / 20).astype(np.float32) * 0.3
        for start in range(0, 96000 - size, size):
            block = tone[None, start : start + size]
            if layout_format.startswith("s16"):
                block = (block * 32767).astype(np.int16)
            piece = av.AudioFrame.from_ndarray(block, format=layout_format, layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = 48000, start, Fraction(1, 48000)
            container.mux(sound.encode(piece))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    data = path.read_bytes()
    path.unlink()
    return data


def _inverted(frame: Frame) -> Restored:
    return Restored(frame=frame, image=255 - frame.image, k=1)


def _cut(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(1, len(data)))]


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


def _swap_name(data: bytes, random: np.random.Generator) -> bytes:
    return b"ffconcat version 1.0\nfile case.mp4\n" + data[: int(random.integers(100))]


_MUTATIONS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    _cut,
    _flip,
    _flip_head,
    _blank,
    _leave_out,
    _repeat,
    _swap_name,
)


if __name__ == "__main__":
    sys.exit(main())
