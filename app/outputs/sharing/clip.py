"""Short clips to share: the last seconds kept in memory, and a before/after video with a divider that sweeps once."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from app.core.errors import OutputError, RecordingError
from app.core.types import Image, Restored
from app.media.files import PRIVATE, NewFile, ffmpeg_name, output_error, reason
from app.media.videos.encoder import VideoEncoder
from app.media.videos.encoder_choices import EncoderChoice
from app.outputs.compose import BEFORE_AFTER, DIVIDER_PX, write_captions

SHAPES: dict[str, tuple[int, int]] = {"wide": (960, 540), "square": (720, 720), "tall": (540, 960)}
"""(width, height) of a clip in pixels."""

FORMATS = (".mp4", ".webp", ".gif")
LARGEST_BYTES = 8_000_000
CLIP_FPS = 30

_KEPT_S = 10.0
_LONGEST_S = 8.0
_SHORTEST_S = 1.0
_KEPT_SIZE = (960, 1920)
_QUALITY = 88
_ANIMATION_SCALE = 0.5
_SMALLEST_SCALE = 0.2
_ANIMATION_FPS = 15
_CRF = (20, 26, 32, 38)
_EDGE = 0.12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class Moment:
    """A frame kept in memory: before above after in one JPEG, when it was taken, and where its largest face is.

    `focus` is the face's centre as fractions of width and height, the picture's centre without a face.
    """

    t: float
    jpeg: bytes
    focus: tuple[float, float]

    def pictures(self) -> tuple[Image, Image]:
        """Before and after, uint8 BGR."""
        both = np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        half = both.shape[0] // 2
        return both[:half], both[half:]


class ClipMemory:
    """Keeps the last ten seconds as small JPEGs, encoded on a thread of its own; frames that come too soon are dropped.

    `add` never blocks. Ten seconds take some twenty megabytes. `clock` is that of the frames' `t_capture`.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._since = float("-inf")
        self._changed = threading.Condition()
        self._next: Restored | None = None
        self._moments: deque[Moment] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="clip memory", daemon=True)
        self._thread.start()

    def add(self, restored: Restored) -> None:
        with self._changed:
            self._next = restored
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all frames captured until now, also one that is still to be added, as after a change of source."""
        with self._changed:
            self._since = self._clock()
            self._moments.clear()

    def moments(self) -> tuple[Moment, ...]:
        """Return the kept moments, the oldest first."""
        with self._changed:
            return tuple(self._moments)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(2.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closed)
                if self._closed or self._next is None:
                    return
                restored, self._next = self._next, None
            try:
                moment = kept(restored)
            except Exception as error:  # this thread has the frames after it to keep
                _log.warning("A frame is not kept for clips: %s", error)
                continue
            with self._changed:
                if moment.t < self._since:
                    continue
                if self._moments and self._moments[-1].t >= moment.t:
                    self._moments.clear()  # the source went back, or is another one
                self._moments.append(moment)
                while moment.t - self._moments[0].t > _KEPT_S:
                    self._moments.popleft()


def kept(restored: Restored) -> Moment:
    """Return a frame in the form that is kept: at most 960 pixels wide and 1920 high."""
    pair = [_small(image) for image in (restored.frame.image, restored.image)]
    done, jpeg = cv2.imencode(".jpg", np.vstack(pair), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise RecordingError("A frame could not be kept for a clip.")
    height, width = restored.image.shape[:2]
    focus = (0.5, 0.5)
    if restored.faces:
        left, top, right, bottom = max((entry.face.box for entry in restored.faces), key=lambda box: box[2] - box[0])
        focus = (float(left + right) / 2 / width, float(top + bottom) / 2 / height)
    return Moment(t=restored.frame.t_capture, jpeg=jpeg.tobytes(), focus=focus)


def sweep(progress: float) -> float:
    """Return the divider's position at `progress` of the clip, both in [0, 1]: all before first, all after at last."""
    part = min(max((progress - _EDGE) / (1 - 2 * _EDGE), 0.0), 1.0)
    return 1.0 - part * part * (3 - 2 * part)


def make_clip(
    moments: Sequence[Moment],
    path: Path,
    *,
    shape: str = "wide",
    seconds: float = _LONGEST_S,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the last `seconds` of `moments` to `path`, an MP4, WebP or GIF of under 8 MB, and return it.

    An MP4 has exactly 30 frames a second. Raises RecordingError where there is less than a second to show, OutputError
    when it cannot be written.
    """
    last = [moment for moment in moments if moments[-1].t - moment.t <= seconds] if moments else []
    if len(last) < 2 or last[-1].t - last[0].t < _SHORTEST_S:
        raise RecordingError("There is too little to make a clip of.", "Let the picture run for some seconds.")
    with NewFile(path, permissions=PRIVATE) as file:
        try:
            _write_small(last, file.part, path.suffix, SHAPES[shape], cancelled)
        except (OSError, av.FFmpegError) as error:
            raise (
                output_error(path, error)
                if isinstance(error, OSError)
                else OutputError("{path} cannot be written ({reason}).", path=path, reason=reason(error))
            ) from error
        if cancelled():
            raise RecordingError("The clip was not made.", "It was cancelled.")
        file.commit()
    return path


def _write_small(
    moments: Sequence[Moment], part: Path, suffix: str, size: tuple[int, int], cancelled: Callable[[], bool]
) -> None:
    """Write the clip, coarser each time until it is under 8 MB."""
    if suffix == ".mp4":
        for crf in _CRF:
            _write_mp4(moments, part, size, crf, cancelled)
            if part.stat().st_size < LARGEST_BYTES:
                return
        return
    scale = _ANIMATION_SCALE
    while True:
        _write_animation(moments, part, suffix, (round(size[0] * scale), round(size[1] * scale)), cancelled)
        if part.stat().st_size < LARGEST_BYTES or scale < _SMALLEST_SCALE:
            return
        scale *= 0.75


def clip_frames(moments: Sequence[Moment], size: tuple[int, int], fps: int, *, labels: bool = True) -> Iterator[Image]:
    """Yield the clip's frames of `size` (width, height), uint8 BGR, at a constant `fps`: each the latest moment."""
    length = moments[-1].t - moments[0].t
    count = max(round(length * fps), 1)
    times = np.array([moment.t - moments[0].t for moment in moments])
    focus = np.mean([moment.focus for moment in moments], axis=0)
    decoded: tuple[int, tuple[Image, Image]] | None = None
    for number in range(count):
        place = max(int(np.searchsorted(times, number / fps, side="right")) - 1, 0)
        if decoded is None or decoded[0] != place:
            before, after = moments[place].pictures()
            decoded = place, (_cut(before, size, focus), _cut(after, size, focus))
        before, after = decoded[1]
        split = sweep(number / max(count - 1, 1))
        seam = round(split * size[0])
        picture = after.copy()
        picture[:, :seam] = before[:, :seam]
        if labels:
            write_captions(picture, "split", split, names=BEFORE_AFTER)
        elif 0 < seam < size[0]:
            picture[:, max(seam - DIVIDER_PX // 2, 0) : seam + DIVIDER_PX // 2] = 255
        yield picture


def _write_mp4(
    moments: Sequence[Moment], part: Path, size: tuple[int, int], crf: int, cancelled: Callable[[], bool]
) -> None:
    choices = (
        EncoderChoice(name="libx264", options={"preset": "fast", "crf": str(crf)}),
        EncoderChoice(name="mpeg4", options={"q": str(crf // 5)}),
    )
    with av.open(ffmpeg_name(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        encoder = VideoEncoder(
            container,
            size=size,
            rate=Fraction(CLIP_FPS),
            time_base=Fraction(1, CLIP_FPS),
            candidates=choices,
        )
        for number, frame in enumerate(clip_frames(moments, size, CLIP_FPS)):
            if cancelled():
                break
            container.mux(encoder.encode(frame, number, duration=1))
        container.mux(encoder.flush())


def _write_animation(
    moments: Sequence[Moment], part: Path, suffix: str, size: tuple[int, int], cancelled: Callable[[], bool]
) -> None:
    is_gif = suffix == ".gif"
    codec, pixels = ("gif", "rgb8") if is_gif else ("libwebp_anim", "yuv420p")
    with av.open(ffmpeg_name(part), "w", format="gif" if is_gif else "webp", options={"loop": "0"}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=_ANIMATION_FPS))
        stream.width, stream.height, stream.pix_fmt = size[0] // 2 * 2, size[1] // 2 * 2, pixels
        for number, picture in enumerate(clip_frames(moments, (stream.width, stream.height), _ANIMATION_FPS)):
            if cancelled():
                break
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, _ANIMATION_FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(_KEPT_SIZE[0] / width, _KEPT_SIZE[1] / height)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cut(image: Image, size: tuple[int, int], focus: Sequence[float]) -> Image:
    """Cut the part of `image` with the aspect of `size` that is centred nearest to `focus`, scaled to `size`."""
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_width, part_height = min(round(size[0] / scale), width), min(round(size[1] / scale), height)
    left = min(max(round(focus[0] * width - part_width / 2), 0), width - part_width)
    top = min(max(round(focus[1] * height - part_height / 2), 0), height - part_height)
    part = image[top : top + part_height, left : left + part_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)
