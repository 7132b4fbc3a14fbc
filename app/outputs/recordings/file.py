"""One MP4 file, written so that a crash, a full disk or a power failure leaves something that plays.

The file is written as fragments of about a second (FFmpeg's `hybrid_fragmented`): a `.part` that was never closed
plays up to its last fragment in any player that supports fragmented MP4. Closing turns the same file into a plain
MP4, which then gets its name.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

from app.core.types import Image
from app.media.files import PRIVATE, NewFile, ffmpeg_name, output_error
from app.media.videos.containers import open_video
from app.media.videos.encoder import VideoEncoder
from app.media.videos.encoder_choices import EncoderChoice
from app.outputs.recordings.microphone import Samples

TIME_BASE = Fraction(1, 60000)
"""Time base of the pictures: fine enough for capture times, and the finest that MPEG-4 part 2 allows."""

RECORDING_STEM = "cfrnet-live"
"""Beginning of the name of every recording of a live session."""

_FIRST_FRAGMENT_TICKS = 6000
_FRAGMENT_TICKS = 60000
_AAC_FRAME = 1024


class RecordingFile:
    """An MP4 at `path`, `size` (width, height). Raises OutputError when it cannot be created.

    `write` and `write_sound` raise OSError when the disk does. `kept_seconds` is how long it plays, once closed.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        fps: float,
        candidates: Sequence[EncoderChoice],
        sound_rate: int = 0,
        sound_channels: int = 1,
    ) -> None:
        self.path = path
        self.kept_seconds = 0.0
        self._file = NewFile(path, permissions=PRIVATE)
        rate = Fraction(min(max(fps, 1.0), 240.0)).limit_denominator(1001)
        options = {
            "movflags": "+hybrid_fragmented+frag_keyframe",
            "flush_packets": "1",
            "max_interleave_delta": "1000000",
        }
        try:
            with contextlib.ExitStack() as undo:
                undo.callback(self._file.discard)
                self._container = av.open(ffmpeg_name(self._file.part), "w", format="mp4", options=options)
                undo.callback(self._container.close)  # first: Windows deletes no file that is open
                self._encoder = VideoEncoder(
                    self._container,
                    size=size,
                    rate=rate,
                    time_base=TIME_BASE,
                    candidates=candidates,
                    key_frame_interval=600,
                    threads=2,
                )
                self._sound = self._add_sound(sound_rate, sound_channels) if sound_rate else None
                undo.pop_all()
        except OSError as error:
            raise output_error(path, error) from error
        self._duration = round(TIME_BASE.denominator / rate)
        self._waiting = np.zeros((0, sound_channels), np.float32)
        self._sound_position = 0
        self._next_key = 0
        self._fragment_ticks = _FIRST_FRAGMENT_TICKS

    def write(self, image: Image, pts: int) -> None:
        """Encode `image`, uint8 (H, W, 3) BGR, at `pts` ticks of `TIME_BASE`, more than the one before."""
        self._container.mux(
            self._encoder.encode(image, pts, duration=self._duration, key_frame=self._starts_fragment(pts))
        )

    def repeat(self, pts: int) -> None:
        """Encode the previous picture again at `pts` ticks."""
        self._container.mux(self._encoder.repeat(pts, duration=self._duration, key_frame=self._starts_fragment(pts)))

    def _starts_fragment(self, pts: int) -> bool:
        if pts < self._next_key:
            return False
        # The first fragments are short, so that a process killed early has recorded something.
        self._next_key = pts + self._fragment_ticks
        self._fragment_ticks = min(2 * self._fragment_ticks, _FRAGMENT_TICKS)
        return True

    def write_sound(self, samples: Samples) -> None:
        """Append `samples`, float32 (N, channels), to the sound track."""
        self._waiting = np.concatenate((self._waiting, samples))
        while len(self._waiting) >= _AAC_FRAME:
            chunk, self._waiting = self._waiting[:_AAC_FRAME], self._waiting[_AAC_FRAME:]
            self._encode_sound(chunk)

    def end_sound(self) -> None:
        """Write the rest that does not fill an AAC frame."""
        if len(self._waiting):
            self._encode_sound(self._waiting)
        self._waiting = self._waiting[:0]

    def close(self, *, broken: bool) -> Path | None:
        """Complete the file, give it its name and return that; None (and no file) when nothing in it plays.

        With `broken` the disk has failed already and only what is on it is kept. Raises OSError or OutputError when
        the disk fails now; call it again with `broken` then. If that fails too, the `.part` is left.
        """
        if not broken:
            self._container.mux(self._encoder.flush())
            if self._sound is not None:
                self._container.mux(self._sound.encode(None))
            self._container.close()
        else:
            # FFmpeg writes nothing more into a file that failed, so the fragments on the disk stay as they are.
            with contextlib.suppress(av.FFmpegError, OSError):
                self._container.close()
        if broken:
            cut_to_whole_fragments(self._file.part)
        try:
            seconds = playable_seconds(self._file.part)
        except OSError:
            if broken:  # it is not tried again here
                self._file.abandon()
            raise
        if seconds is None:
            self._file.discard()
            return None
        self._file.commit(broken=broken)
        self.kept_seconds = seconds
        return self.path

    def is_there(self) -> bool:
        """Whether the file being written still has its name; it may have been deleted."""
        return self._file.is_there()

    def is_unnamed(self) -> bool:
        """Whether, once closed, it is still a `.part`, which the next start completes."""
        return self._file.part.is_file()

    def bytes(self) -> int:
        """Return the size on the disk, of the `.part` or the complete file."""
        for path in (self._file.part, self.path):
            with contextlib.suppress(OSError):
                return path.stat().st_size
        return 0

    def _encode_sound(self, samples: Samples) -> None:
        if self._sound is None:
            return
        layout = "mono" if samples.shape[1] == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate = self._sound.rate
        frame.pts, frame.time_base = self._sound_position, Fraction(1, self._sound.rate)
        self._sound_position += len(samples)
        self._container.mux(self._sound.encode(frame))

    def _add_sound(self, rate: int, channels: int) -> AudioStream:
        layout = "mono" if channels == 1 else "stereo"
        return self._container.add_stream("aac", rate=rate, layout=layout)


def cut_to_whole_fragments(path: Path) -> None:
    """Truncate a fragmented MP4 after its last complete fragment, so that players reach its end without an error.

    Top-level boxes are a 32-bit length, or 1 and a 64-bit one behind the four-letter kind (ISO/IEC 14496-12, 4.2).
    """
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size = path.stat().st_size
        position, whole = 0, 0
        while position + 16 <= size:
            file.seek(position)
            length, kind, long_length = struct.unpack(">I4sQ", file.read(16))
            length = long_length if length == 1 else length
            if length < 8 or position + length > size:
                break
            position += length
            if kind in (b"moov", b"mdat"):
                whole = position
        if whole:
            file.truncate(whole)


def playable_seconds(path: Path) -> float | None:
    """Return the seconds that the recording at `path` plays, None without a single picture or without a file.

    Raises OSError when it cannot be read, which says nothing of what is in it.
    """
    try:
        with open_video(path) as container:
            if next(container.decode(container.streams.video[0]), None) is None:
                return None
            return (container.duration or 0) / av.time_base
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except (av.FFmpegError, IndexError):
        return None
