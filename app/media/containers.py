"""Opening video files: files alone, formats that hold their pictures themselves, pictures of a sensible size."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer

from app.core.errors import UnreadableMediaError
from app.media.files import ffmpeg_name

MAX_VIDEO_PIXELS = 40_000_000
"""More than 8K. A decoder holds a dozen pictures at once."""

_FORMATS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,dv,gif,h264,hevc,av1,obu,ivf,m4v,mjpeg,yuv4mpegpipe,nut,"
    "rm,dvbsub,vc1,wtv,nsv,roq,smk,bink,swf,mv,apng,webp,avs2,avs3"
)
"""No playlist (HLS, DASH, ffconcat, SDP): a small text file would have its neighbours or other hosts read."""


def open_video(path: Path | str) -> InputContainer:
    """Open `path` to be read. Raises av.FFmpegError or OSError, also for what is no file or a list of files."""
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    return av.open(ffmpeg_name(Path(path)), "r", options=options, metadata_errors="replace")


def expect_affordable_video(stream: av.VideoStream, name: str, *, most: int = MAX_VIDEO_PIXELS) -> None:
    """Raise UnreadableMediaError when the pictures of `stream` are too large, and have its decoder refuse such ones."""
    width, height = stream.width, stream.height
    if width * height > most:
        raise UnreadableMediaError(
            f"{name} has pictures of {width}x{height}, more than {most // 1_000_000} megapixels.", "Make it smaller."
        )
    stream.codec_context.options = {"max_pixels": str(most)}
