"""Reading the sound of a video file with PyAV: float samples at a position in the file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from app.core.errors import UnreadableMediaError
from app.media.files import reason
from app.media.videos.containers import open_video
from app.media.videos.timeline import Timeline
from app.media.videos.video_reader import VideoReader

SOUND_RATE = 48000
SOUND_CHANNELS = 2

_PRE_ROLL_S = 0.2
_TOLERANCE = round(0.03 * SOUND_RATE)


class SoundReader:
    """The first sound track of `path`, as 48 kHz stereo. Raises UnreadableMediaError when there is none.

    Positions are seconds from the file's first picture, like the time stamps of a video source.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._container = open_video(path)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UnreadableMediaError(
                "The sound of {path} cannot be read ({reason}).", path=path, reason=reason(error)
            ) from error
        if not self._container.streams.audio:
            self._container.close()
            raise UnreadableMediaError("{path} has no sound.", path=path)
        self._stream = self._container.streams.audio[0]
        self._zero_s = _first_picture_s(path)
        self._samples = self._decode()
        self._ahead: NDArray[np.float32] = np.zeros((0, SOUND_CHANNELS), np.float32)
        self._position = 0

    def seek(self, seconds: float) -> None:
        """Continue reading with the sample at `seconds`."""
        target_s = max(seconds + self._zero_s, 0.0)
        try:
            start = max(round((target_s - _PRE_ROLL_S) * av.time_base), 0)
            self._container.seek(start, backward=True)
        except (av.FFmpegError, OSError):
            return
        self._samples = self._decode()
        self._ahead = self._ahead[:0]
        self._position = round(seconds * SOUND_RATE)

    def read(self, count: int) -> NDArray[np.float32]:
        """Return the next `count` samples, float32 (count, 2) in -1 to 1; silence where the file has no sound."""
        out = np.zeros((count, SOUND_CHANNELS), np.float32)
        filled = 0
        while filled < count:
            if not len(self._ahead) and not self._fill(count - filled):
                break
            take = min(len(self._ahead), count - filled)
            out[filled : filled + take] = self._ahead[:take]
            self._ahead = self._ahead[take:]
            filled += take
            self._position += take
        self._position += count - filled
        return out

    def close(self) -> None:
        self._container.close()

    def _fill(self, wanted: int) -> bool:
        """Decode on into `_ahead`, from the current position; False at the end of the sound."""
        position = self._position
        for start, samples in self._samples:
            if start + len(samples) <= position:
                continue
            if start > position:
                gap = np.zeros((start - position, SOUND_CHANNELS), np.float32)
                samples = np.concatenate((gap, samples))
            self._ahead = samples[max(position - start, 0) :]
            return True
        return False

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Decode the packets; one that is damaged is passed over."""
        timeline = Timeline(self._stream)
        for packet in self._container.demux(self._stream):
            timeline.place(packet)
            with contextlib.suppress(av.FFmpegError):
                yield from packet.decode()

    def _decode(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (position in samples, samples) of every decoded frame; end silently where the file breaks off.

        Time stamps are rounded, in Matroska to a millisecond, and so is the length of a resampled frame: while a frame
        is within 30 ms of its place, it follows the one before without a gap. Format, channels and rate may change
        from frame to frame, as they do in recordings of television.
        """
        resampler: AudioResampler | None = None
        kind: tuple[str, str, int] | None = None
        next_start: int | None = None
        try:
            for frame in self._frames():
                if frame.time is None:
                    continue
                start = round((frame.time - self._zero_s) * SOUND_RATE)
                if next_start is None or abs(start - next_start) > _TOLERANCE:
                    next_start = start
                if resampler is None or kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                    kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                    # A resampler refuses frames of another kind, or passes them on as they are.
                    resampler = AudioResampler(format="fltp", layout="stereo", rate=SOUND_RATE)
                for piece in resampler.resample(frame):
                    samples = np.ascontiguousarray(piece.to_ndarray().T, np.float32)
                    yield next_start, samples
                    next_start += len(samples)
        except (av.FFmpegError, OSError):
            return


def _first_picture_s(path: Path) -> float:
    """Return the time stamp of the first picture that can be decoded, 0 without one.

    The stream's own beginning is that of its first packet, which may lie in the middle of a group of pictures.
    """
    try:
        reader = VideoReader(path, threads=1)
    except UnreadableMediaError:
        return 0.0
    reader.close()
    return float(reader.first_pts * reader.time_base)
