"""Whole pictures and videos of a face, with everything that such files may hold beside the pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, PngImagePlugin

_SIDE = 192
_FRAMES = 16
_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><note>kept</note></x:xmpmeta>'
_ARTIST = 0x013B


def originals(folder: Path) -> dict[str, bytes]:
    """Files by their names, which say what is in them; `folder` is used and left empty."""
    made = pictures()
    for name, write in _VIDEOS.items():
        path = folder / name
        write(path)
        made[name] = path.read_bytes()
        path.unlink()
    return made


def pictures() -> dict[str, bytes]:
    """Whole picture files by their names."""
    bgr = face()
    rgb = Pillow.fromarray(np.ascontiguousarray(bgr[:, :, ::-1]))
    alpha = rgb.copy()
    alpha.putalpha(Pillow.fromarray(np.tile(np.linspace(0, 255, _SIDE, dtype=np.uint8), (_SIDE, 1))))
    deep = bgr.astype(np.uint16) * 257
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Pillow.Exif()
    exif[_ARTIST] = "somebody"
    turned = Pillow.Exif()
    turned[_ARTIST], turned[0x0112] = "somebody", 6
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a face")
    everything = {"exif": exif.tobytes(), "icc_profile": profile, "xmp": _XMP}
    with_dpi = {"exif": exif.tobytes(), "icc_profile": profile, "dpi": (300, 300)}
    return {
        "everything.jpg": _saved(rgb, "JPEG", quality=92, dpi=(300, 300), **everything),
        "progressive.jpg": _saved(rgb, "JPEG", progressive=True, comment=b"a comment"),
        "turned.jpg": _saved(rgb, "JPEG", exif=turned.tobytes()),
        "cmyk.jpg": _saved(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": _saved(rgb.convert("L"), "JPEG"),
        "alpha.png": _saved(alpha, "PNG", pnginfo=text, **with_dpi),
        "palette.png": _saved(rgb.quantize(64), "PNG", transparency=3),
        "deep.png": _encoded(".png", deep),
        "moving.png": _saved(rgb, "PNG", save_all=True, append_images=[rgb.rotate(90)]),
        "alpha.webp": _saved(alpha, "WEBP", quality=90, **everything),
        "moving.webp": _saved(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(90)]),
        "everything.avif": _saved(rgb, "AVIF", quality=80, **everything),
        "lzw.tif": _saved(rgb, "TIFF", compression="tiff_lzw", icc_profile=profile, dpi=(300, 300)),
        "deep.tif": _encoded(".tif", deep),
        "pages.tif": _saved(rgb, "TIFF", save_all=True, append_images=[rgb.rotate(90)]),
        "plain.bmp": _encoded(".bmp", bgr),
        "plain.ppm": _encoded(".ppm", bgr),
        "plain.jp2": _encoded(".jp2", bgr),
    }


def face() -> NDArray[np.uint8]:
    """A face, uint8 (192, 192, 3) BGR."""
    head = np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352, ::-1])
    return np.asarray(cv2.resize(head, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _encoded(suffix: str, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def _write_video(
    path: Path, *, codec: str = "libx264", pixels: str = "yuv420p", sounds: int = 1, sound_codec: str = "aac"
) -> None:
    """A face that moves over two thirds of a second, with tones."""
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "a face"
        video = cast(av.VideoStream, container.add_stream(codec, rate=24))
        video.width, video.height, video.pix_fmt = _SIDE, _SIDE, pixels
        tones = [
            cast(av.AudioStream, container.add_stream(sound_codec, rate=48000, layout="mono")) for _ in range(sounds)
        ]
        subtitles = container.add_mux_stream("subrip") if path.suffix == ".mkv" else None
        if subtitles is not None:
            half = _FRAMES * 500 // 24
            container.set_chapters(
                [
                    {"id": 1, "start": 0, "end": half, "time_base": Fraction(1, 1000), "metadata": {"title": "before"}},
                    {"id": 2, "start": half, "end": 2 * half, "time_base": Fraction(1, 1000), "metadata": {}},
                ]
            )
            container.add_attachment("notes.txt", "text/plain", b"who this is")
            line = av.Packet(b"a face, it says")
            line.stream, line.pts, line.dts, line.duration, line.time_base = subtitles, 0, 0, 500, Fraction(1, 1000)
            container.mux(line)
        for tone in tones:
            _write_tone(container, tone)
        picture = face()
        for index in range(_FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(picture, index, axis=1)), format="bgr24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _write_tone(container: av.container.OutputContainer, sound: av.AudioStream) -> None:
    context = sound.codec_context
    if not context.is_open:
        context.open()
    size, kind = context.frame_size or 1152, context.format.name
    tone = np.sin(np.arange(48000 * _FRAMES // 24) / 20).astype(np.float32) * 0.3
    for start in range(0, len(tone) - size, size):
        block = tone[None, start : start + size]
        if kind.startswith("s16"):
            block = (block * 32767).astype(np.int16)
        piece = av.AudioFrame.from_ndarray(block, format=kind, layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = 48000, start, Fraction(1, 48000)
        container.mux(sound.encode(piece))
    container.mux(sound.encode(None))


_VIDEOS: dict[str, Callable[[Path], None]] = {
    "plain.mp4": _write_video,
    "tracks.mkv": lambda path: _write_video(path, sounds=2),
    "deep.mkv": lambda path: _write_video(path, pixels="yuv420p10le"),
    "plain.ts": _write_video,
    "old.avi": lambda path: _write_video(path, codec="mpeg4", sound_codec="mp2"),
    "alpha.mov": lambda path: _write_video(path, codec="qtrle", pixels="argb"),
    "silent.webm": lambda path: _write_video(path, codec="libvpx-vp9", sounds=0),
}
