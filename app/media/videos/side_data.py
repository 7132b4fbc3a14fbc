"""What a decoded frame carries beside its pixels: the description of HDR10, which is kept, and what gets lost."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import av
from av.sidedata.sidedata import SideDataContainer, Type

from app.core.words import Phrase, phrase

LOST_WITH_PICTURES: Mapping[Type, Phrase] = MappingProxyType(
    {
        Type.A53_CC: phrase("its closed captions, which are inside the pictures"),
        Type.DYNAMIC_HDR_PLUS: phrase("its HDR10+ data"),
        Type.DYNAMIC_HDR_VIVID: phrase("its HDR Vivid data"),
        Type.DOVI_RPU_BUFFER: phrase("its Dolby Vision data"),
        Type.DOVI_METADATA: phrase("its Dolby Vision data"),
        Type.STEREO3D: phrase("its description as a 3D video"),
        Type.SPHERICAL: phrase("its description as a panorama"),
        Type.ICC_PROFILE: phrase("its colour profile"),
    }
)
"""Kinds of side data that no encoder here takes, in words."""

_MASTERING = struct.Struct("=20i2i")
_RED, _GREEN, _BLUE, _WHITE, _LEAST, _MOST = (0, 1), (2, 3), (4, 5), (6, 7), 8, 9
_CHROMATICITY, _LUMINANCE = 50000, 10000


def hdr10_parameters(frame: av.VideoFrame) -> str:
    """The mastering display and the light levels of `frame` (SMPTE ST 2086, CTA-861.3) as x264 takes them, or "".

    FFmpeg's AVMasteringDisplayMetadata is ten fractions (x and y of red, green, blue and white, least and most
    luminance) and two flags; AVContentLightMetadata is two whole numbers.
    """
    parameters = []
    for each in side_data_of(frame):
        data = bytes(each)
        if each.type == Type.MASTERING_DISPLAY_METADATA and len(data) >= _MASTERING.size:
            *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(data)
            if has_primaries and has_luminance:
                parameters.append(f"mastering-display={_mastering(numbers)}")
        elif each.type == Type.CONTENT_LIGHT_LEVEL and len(data) >= 8:
            most, average = struct.unpack_from("=II", data)
            parameters.append(f"cll={most},{average}")
    return ":".join(parameters)


def lost_with(frame: av.VideoFrame) -> set[Phrase]:
    """What of `frame`'s side data its restored picture will not have, in words."""
    return {LOST_WITH_PICTURES[each.type] for each in side_data_of(frame) if each.type in LOST_WITH_PICTURES}


def side_data_of(frame: av.VideoFrame) -> Any:
    """The frame's side data, to go through or to `get` one `Type` of."""
    # `frame.side_data` makes the frame hold what holds it, so that its pixels stay until the collector comes by.
    return cast(Any, SideDataContainer)(frame)


def _mastering(numbers: list[int]) -> str:
    def scaled(place: int, unit: int) -> int:
        numerator, denominator = numbers[2 * place], numbers[2 * place + 1]
        return round(unit * numerator / denominator) if denominator else 0

    points = [
        f"{name}({scaled(x, _CHROMATICITY)},{scaled(y, _CHROMATICITY)})"
        for name, (x, y) in (("G", _GREEN), ("B", _BLUE), ("R", _RED), ("WP", _WHITE))
    ]
    return "".join(points) + f"L({scaled(_MOST, _LUMINANCE)},{scaled(_LEAST, _LUMINANCE)})"
