"""What a restored file lacks of its original, found with other readers than the application's own."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

_SOUND_TOLERANCE_S = 0.15

_SAID = {
    "transparency": "transparen|alpha",
    "depth": "bits",
    "profile": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "resolution": "resolution",
    "further pictures": "further picture|animation|pages",
    "damage": "damaged|breaks off|incomplete",
    "frames": "frame|picture|breaks off|damaged|plays|lasts",
    "sound": "sound|audio|track",
    "subtitles": "subtitle|track",
    "chapters": "chapter",
    "attachments": "attach|cover|track",
    "title": "description|metadata|title",
}
"""What a note says that names such a loss."""


@dataclass(frozen=True, kw_only=True)
class _Picture:
    size: tuple[int, int]
    holds: frozenset[str]
    whole: bool


def losses(source: Path, target: Path, notes: Iterable[str], *, across: int = 1, down: int = 1) -> list[str]:
    """Return what of `source` neither `target` nor a note has; it is as many times as large as they say."""
    if not target.is_file():
        return ["the whole file"]
    if source.read_bytes() == target.read_bytes():
        return []
    found = _of_videos if target.suffix in (".mp4", ".mkv", ".mov") else _of_pictures
    lost = found(source, target, (across, down))
    said = " ".join(notes)
    return [each for each in lost if each not in _SAID or not re.search(_SAID[each], said)]


def _of_pictures(source: Path, target: Path, times: tuple[int, int]) -> list[str]:
    before, after = _picture(source), _picture(target)
    if after is None or not after.whole:
        return ["a readable picture"]
    if before is None:  # of a kind that the other reader does not know
        return []
    lost = sorted(before.holds - after.holds)
    if (before.size[0] * times[0], before.size[1] * times[1]) != after.size:
        lost.append(f"the size: {before.size} became {after.size}")
    if not before.whole:
        lost.append("damage")
    return lost


def _picture(path: Path) -> _Picture | None:
    holds = set()
    try:
        with Pillow.open(io.BytesIO(path.read_bytes())) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                try:
                    if picture.convert("RGBA").getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
                        holds.add("transparency")
                except Exception:  # `whole` tells of it
                    return _Picture(size=picture.size, holds=frozenset(), whole=False)
            if picture.info.get("icc_profile", b"")[36:40] == b"acsp":
                holds.add("profile")
            if picture.info.get("xmp") and b"kept" in bytes(picture.info["xmp"]):
                holds.add("xmp")
            if _dpi(picture) == 300:
                holds.add("resolution")
            if getattr(picture, "n_frames", 1) > 1:
                holds.add("further pictures")
            if picture.getexif().get(0x013B) == "somebody":
                holds.add("exif")
            try:
                picture.load()
                size, whole = (ImageOps.exif_transpose(picture) or picture).size, True
            except Exception:  # as many as there are ways to be damaged
                size, whole = picture.size, False
    except Exception:
        return None
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is not None and pixels.dtype != np.uint8:
        holds.add("depth")
    return _Picture(size=size, holds=frozenset(holds), whole=whole)


def _dpi(picture: Pillow.Image) -> int:
    try:
        return round(float(picture.info["dpi"][0]))
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return 0


@dataclass(frozen=True, kw_only=True)
class _Video:
    frames: int
    size: tuple[int, int]
    bits: int
    alpha: bool
    seconds_of_sound: list[float]
    subtitles: int
    chapters: int
    attachments: int
    title: str


def _of_videos(source: Path, target: Path, times: tuple[int, int]) -> list[str]:
    after = _video(target)
    if after is None or not after.frames:
        return ["a readable video"]
    before = _video(source)
    if before is None:
        return []
    lost = []
    if after.frames < before.frames:
        lost.append("frames")
    # A damaged header may say (0, 0) where the stream knows better.
    if all(before.size) and (before.size[0] * times[0], before.size[1] * times[1]) != after.size:
        lost.append(f"the size: {before.size} became {after.size}")
    if len(after.seconds_of_sound) < len(before.seconds_of_sound) or any(
        now < then - _SOUND_TOLERANCE_S
        for then, now in zip(before.seconds_of_sound, after.seconds_of_sound, strict=False)
    ):
        lost.append("sound")
    if after.subtitles < before.subtitles:
        lost.append("subtitles")
    if after.chapters < before.chapters:
        lost.append("chapters")
    if after.attachments < before.attachments:
        lost.append("attachments")
    if after.bits < before.bits:
        lost.append("depth")
    if before.alpha and not after.alpha:
        lost.append("transparency")
    if before.title == "a face" != after.title:
        lost.append("title")
    return lost


def _video(path: Path) -> _Video | None:
    """What can be decoded of a video, whatever is damaged in between."""
    frames, size, bits, alpha = 0, (0, 0), 0, False
    seconds: defaultdict[int, float] = defaultdict(float)
    subtitles = 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                return None
            main = container.streams.video[0]
            title = container.metadata.get("title", "")
            chapters, attachments = len(container.chapters()), len(container.streams.attachments)
            packets = container.demux()
            while True:
                try:
                    packet = next(packets)
                    if packet.stream.type == "audio" and packet.size:
                        for piece in packet.decode():
                            if isinstance(piece, av.AudioFrame):
                                seconds[packet.stream.index] += piece.samples / piece.sample_rate
                    elif packet.stream.type == "subtitle" and packet.size:
                        subtitles += 1
                    elif packet.stream is main:
                        for frame in packet.decode():
                            if isinstance(frame, av.VideoFrame):
                                frames += 1
                                size, bits = (frame.width, frame.height), frame.format.components[0].bits
                                alpha = any(each.is_alpha for each in frame.format.components)
                except StopIteration:
                    break
                except av.EOFError:
                    break
                except (av.FFmpegError, ValueError):
                    continue
    except (av.FFmpegError, OSError, ValueError):
        return None
    return _Video(
        frames=frames,
        size=size,
        bits=bits,
        alpha=alpha,
        seconds_of_sound=[seconds[index] for index in sorted(seconds) if seconds[index] > 0],
        subtitles=subtitles,
        chapters=chapters,
        attachments=attachments,
        title=title,
    )
