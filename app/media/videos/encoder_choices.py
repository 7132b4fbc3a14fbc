"""The encoders that write recordings and restored videos, in the order in which they are tried. Data alone: no PyAV.

Those for files have the names that a person can ask for. All of them aim at a constant quality, not at a size. How
x264's speed was chosen: docs/decisions/file-encoder.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PIXELS = "yuv420p"
"""What is encoded, unless an encoder wants another order of its planes."""


@dataclass(frozen=True, kw_only=True)
class EncoderChoice:
    """An encoder of FFmpeg by its name, the options that make it fast and good enough, and its pixel format."""

    name: str
    options: dict[str, str] = field(default_factory=dict)
    pixels: str = PIXELS


LIVE_ENCODERS = (
    EncoderChoice(
        name="libx264", options={"preset": "ultrafast", "crf": "18", "bf": "0", "rc-lookahead": "0", "forced-idr": "1"}
    ),
    EncoderChoice(name="h264_videotoolbox", options={"b": "8M", "realtime": "1"}),
    EncoderChoice(name="h264_mf", options={"b": "8M"}),
    EncoderChoice(name="libopenh264", options={"b": "8M"}),
    EncoderChoice(name="mpeg4", options={"q": "3", "bf": "0"}),
)
"""Encoders for live recordings, the preferred first: restoring needs the processor. Every FFmpeg has the last one."""

USUAL = "x264"

_X264 = {"preset": "superfast", "crf": "16", "x264-params": "mbtree=1:rc-lookahead=10:subme=2"}

LARGE_PIXELS = 16_000_000
X264_ONE_PICTURE = "rc-lookahead=0:mbtree=0:bframes=0:ref=1:sync-lookahead=0:sliced-threads=1"
"""What keeps x264 from holding a dozen pictures, for those with more than LARGE_PIXELS: 5K has fewer, 8K has more."""

FILE_ENCODERS: dict[str, tuple[EncoderChoice, ...]] = {
    USUAL: (EncoderChoice(name="libx264", options=_X264), *LIVE_ENCODERS[1:]),
    "nvenc": (EncoderChoice(name="h264_nvenc", options={"preset": "p5", "rc": "vbr", "cq": "19", "b": "0"}),),
    "qsv": (EncoderChoice(name="h264_qsv", options={"global_quality": "19"}, pixels="nv12"),),
    "amf": (EncoderChoice(name="h264_amf", options={"rc": "cqp", "qp_i": "19", "qp_p": "19"}, pixels="nv12"),),
    "videotoolbox": (EncoderChoice(name="h264_videotoolbox", options={"b": "20M"}, pixels="nv12"),),
    "mediafoundation": (
        EncoderChoice(name="h264_mf", options={"rate_control": "quality", "quality": "80"}, pixels="nv12"),
    ),
}
"""For each name the encoders to try in order. A hardware encoder that was asked for is never replaced by another.

VAAPI is missing: it takes pictures from the graphics card's memory only, and PyAV cannot put them there.
"""
