"""Opening video files: regular files only, self-contained formats only, pictures of a limited size."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer

from app.core.errors import UnreadableMediaError
from app.media.files import ffmpeg_name

MAX_VIDEO_PIXELS = 40_000_000
"""The most pixels of a picture: more than 8K has. A decoder holds a dozen pictures at once."""

_FORMATS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,dv,gif,h264,hevc,av1,obu,ivf,m4v,mjpeg,yuv4mpegpipe,nut,"
    "rm,dvbsub,vc1,wtv,nsv,roq,smk,bink,swf,mv,apng,webp,avs2,avs3"
)
"""FFmpeg's formats that may be opened. Playlists (HLS, DASH, ffconcat, SDP) are not among them: they name other files
and hosts, which would then be read."""


def open_video(path: Path | str) -> InputContainer:
    """Open `path` for reading. Raises av.FFmpegError or OSError, also for anything but a file and for playlists."""
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    return av.open(ffmpeg_name(Path(path)), "r", options=options, metadata_errors="replace")


def expect_affordable_video(stream: av.VideoStream, name: str, *, most: int = MAX_VIDEO_PIXELS) -> None:
    """Raise UnreadableMediaError when the pictures of `stream` are too large; also limits its decoder."""
    width, height = stream.width, stream.height
    if width * height > most:
        raise UnreadableMediaError(
            "{name} has pictures of {width}x{height}, more than {limit} megapixels.",
            "Make it smaller.",
            name=name,
            width=width,
            height=height,
            limit=most // 1000000,
        )
    stream.codec_context.options = {"max_pixels": str(most)}
