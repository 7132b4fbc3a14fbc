"""The sound of the playing file, synchronised with its pictures, for recordings and the loudspeaker."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.core.errors import AppError
from app.media.videos.sound_reader import SOUND_CHANNELS, SOUND_RATE, SoundReader
from app.outputs.recordings.microphone import AudioBlock, AudioInput
from app.outputs.speaker import Speaker, open_speaker
from app.pipeline.capture.playback import Anchor, Timeline

_LONGEST_BLOCK_S = 0.1

_log = logging.getLogger(__name__)


class FileSound:
    """The sound of a file between two times of the clock, following the timeline. An `AudioInput`.

    Pauses are silent; a seek or a loop takes effect at its own time. Raises UnreadableMediaError when
    the file has no sound.
    """

    rate = SOUND_RATE
    channels = SOUND_CHANNELS

    def __init__(
        self,
        path: Path,
        timeline: Timeline,
        *,
        ahead_s: float = 0.0,
        on_turn: Callable[[float], None] = lambda _wall_s: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`ahead_s`: how far ahead of the clock sound is read, so that a loudspeaker has it in time.

        `on_turn` is called within `read` with the time of a pause, seek or loop, from which on what was read ahead
        is wrong and is returned anew.
        """
        self._reader = SoundReader(path)
        self._timeline = timeline
        self._ahead_s = ahead_s
        self._on_turn = on_turn
        self._clock = clock
        self._seen = 0
        self._anchor: Anchor | None = None
        self._read_to_s = 0.0
        self._ends_at: float | None = None
        self._left_at = math.inf
        self._closed = False

    def start(self) -> None:
        """Begin now."""
        self._seen, anchors = self._timeline.since(0)
        self._read_to_s = self._clock()
        if anchors:
            self._take(anchors[-1], self._read_to_s)

    def read(self) -> list[AudioBlock]:
        if self._closed:
            return []
        until_s = min(self._clock() + self._ahead_s if self._ends_at is None else self._ends_at, self._left_at)
        blocks: list[AudioBlock] = []
        self._seen, anchors = self._timeline.since(self._seen)
        anchors = tuple(anchor for anchor in anchors if anchor.wall_s <= self._left_at)
        if anchors:
            self._on_turn(anchors[0].wall_s)
        for anchor in anchors:
            blocks += self._until(anchor.wall_s)
            self._take(anchor, anchor.wall_s)
        blocks += self._until(until_s)
        if self._ends_at is not None:
            self._closed = True
            self._reader.close()
        return blocks

    def leave(self) -> None:
        """Be silent from now on: the timeline goes on with another file."""
        self._left_at = min(self._left_at, self._clock())

    def stop(self) -> None:
        """End now; one more `read` returns the sound until now."""
        self._ends_at = self._ends_at or self._clock()

    def _take(self, anchor: Anchor, wall_s: float) -> None:
        """Follow `anchor` from `wall_s` on."""
        self._anchor, self._read_to_s = anchor, wall_s
        if anchor.running:
            self._reader.seek(anchor.place_s + wall_s - anchor.wall_s)

    def _until(self, until_s: float) -> list[AudioBlock]:
        blocks = []
        while self._anchor is not None and self._anchor.running:
            count = round((min(until_s, self._read_to_s + _LONGEST_BLOCK_S) - self._read_to_s) * SOUND_RATE)
            if count <= 0:
                break
            blocks.append(AudioBlock(samples=self._reader.read(count), t_capture=self._read_to_s))
            self._read_to_s += count / SOUND_RATE
        return blocks


class FileSoundPlayer:
    """Plays a file's sound through the loudspeaker, on a thread of its own, until `close`.

    A pause or a seek discards what was queued for the loudspeaker, so nothing of the old position is heard. Without a
    loudspeaker, and for a file without sound, it does nothing.
    """

    _AHEAD_S = 0.25
    _POLL_S = 0.05

    def __init__(
        self,
        path: Path,
        timeline: Timeline,
        *,
        make_speaker: Callable[[], Speaker | None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._path = path
        self._timeline = timeline
        self._make_speaker = make_speaker
        self._clock = clock
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
        self._thread.start()

    def close(self, *, wait: bool = False) -> None:
        """Stop playing; with `wait`, wait for the thread to end."""
        self._closed.set()
        if wait:
            self._thread.join(2.0)

    def _run(self) -> None:
        speaker = self._make_speaker()
        if speaker is None:
            return
        try:
            sound = FileSound(
                self._path, self._timeline, ahead_s=self._AHEAD_S, on_turn=speaker.forget_after, clock=self._clock
            )
        except AppError as error:
            _log.info("%s", error)
            speaker.stop()
            return
        try:
            speaker.start()
            sound.start()
            while not self._closed.wait(self._POLL_S):
                for block in sound.read():
                    speaker.write(block)
        finally:
            speaker.stop()
            sound.stop()
            sound.read()


class SourceSound:
    """The sound that belongs to the source: a file's own, played and recorded, or the microphone beside a camera."""

    def __init__(
        self,
        timeline: Timeline,
        *,
        make_speaker: Callable[[], Speaker | None] = open_speaker,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._timeline = timeline
        self._make_speaker = make_speaker
        self._clock = clock
        self._lock = threading.Lock()
        self._file: Path | None = None
        self._player: FileSoundPlayer | None = None
        self._played: Path | None = None
        self._recorded: tuple[Path, FileSound] | None = None

    def follow(self, file: Path | None, *, play: bool) -> None:
        """Follow the open `file`, None for a source without sound of its own. Returns at once."""
        with self._lock:
            self._file = file
            if self._recorded is not None and self._recorded[0] != file:
                self._recorded[1].leave()
                self._recorded = None
            wanted = file if play else None
            if wanted == self._played:
                return
            if self._player is not None:
                self._player.close()
            self._played = wanted
            self._player = (
                FileSoundPlayer(wanted, self._timeline, make_speaker=self._make_speaker, clock=self._clock)
                if wanted is not None
                else None
            )

    def for_recording(self) -> AudioInput | None:
        """Return the file's sound, None when there is none."""
        with self._lock:
            if self._file is None:
                return None
            sound = FileSound(self._file, self._timeline, clock=self._clock)
            self._recorded = self._file, sound
            return sound

    def close(self) -> None:
        with self._lock:
            player, self._player = self._player, None
        if player is not None:
            player.close(wait=True)
