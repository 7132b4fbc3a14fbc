"""Reading the sound of recordings whose channels change on the way, as those of television do."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.media.videos.sound_reader import SOUND_RATE, SoundReader


def broadcast(path: Path, layout: str, *, start_s: int) -> Path:
    """A second of a tone as AC3 in an MPEG transport stream, whose time stamps begin at `start_s`."""
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(SOUND_RATE) / SOUND_RATE).astype(np.float32)
    with av.open(str(path), "w", format="mpegts", options={"mpegts_copyts": "1"}) as container:
        stream = container.add_stream("ac3", rate=SOUND_RATE, layout=layout)
        for place in range(0, SOUND_RATE, 1536):
            block = np.tile(tone[place : place + 1536], (stream.codec_context.layout.nb_channels, 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = SOUND_RATE, start_s * SOUND_RATE + place
            frame.time_base = Fraction(1, SOUND_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("layouts", [("stereo", "5.1(side)"), ("5.1(side)", "stereo")])
def test_channels_may_change_on_the_way(tmp_path: Path, layouts: tuple[str, str]) -> None:
    parts = [broadcast(tmp_path / f"{at}.ts", layout, start_s=at) for at, layout in enumerate(layouts)]
    whole = tmp_path / "whole.ts"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = SoundReader(whole)
    samples = reader.read(2 * SOUND_RATE)
    reader.close()
    assert samples.shape == (2 * SOUND_RATE, 2)
    tenths = np.abs(samples).reshape(20, -1).max(axis=1)
    assert tenths.min() > 0.1, "both parts are heard"
