"""One timeline for a broadcast whose clock changes where recordings were joined or a recorder cut something out."""

from __future__ import annotations

from typing import Any

import av
from av.stream import Stream

from app.media.videos.tracks import BROADCASTS

_BACK_S = 1
"""A step back of more than this leads to another clock; below it, a stream is out of step with itself."""

_AHEAD_S = 60
"""So does a step ahead of more than this: FFmpeg takes one that leads before the file's beginning for an overflow."""


class Timeline:
    """Moves the packets of a broadcast, in file order, to where they go on; the ticks of all streams are the same.

    Every clock has one offset for all streams. Each stream changes to it by itself, as its last packets of the clock
    before may come after the first ones of the others; so does one that goes back after a single wrong time stamp.
    Streams with pauses, such as subtitles, go with `main`. Packets of other files stay where they are.
    """

    def __init__(self, main: Stream) -> None:
        self._is_broadcast = main.container.format.name in BROADCASTS
        self._main = main.index
        self._offsets = [0]
        self._current: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    @property
    def is_changed(self) -> bool:
        """Whether there was more than one clock so far."""
        return len(self._offsets) > 1

    def place(self, packet: av.Packet[Any]) -> None:
        """Move the time stamps of `packet`."""
        if not self._is_broadcast:
            return
        offset = self._current.get(self._main, 0)
        if packet.stream.type in ("video", "audio") and packet.dts is not None:
            index = packet.stream.index
            offset = self._current[index] = self._offset(packet, packet.dts)
            self._ends[index] = packet.dts + offset + (packet.duration or 0)
        if packet.dts is not None:
            packet.dts += offset
        if packet.pts is not None:
            packet.pts += offset

    def _offset(self, packet: av.Packet[Any], dts: int) -> int:
        usual = self._current.get(self._main, 0)
        index = packet.stream.index
        end = self._ends.get(index)
        if end is None:
            return usual
        back, ahead = (round(each / packet.time_base) for each in (_BACK_S, _AHEAD_S))
        known = (self._current[index], *reversed(self._offsets))
        offset = next((each for each in known if abs(dts + each - end) <= back), usual)
        if dts + offset < end - back or dts + offset > max(self._ends.values()) + ahead:
            offset = end - dts
            self._offsets.append(offset)
        return offset
