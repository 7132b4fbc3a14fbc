"""From what a person wrote, dropped or chose to a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from app.core.errors import CameraOpenError, SourceOpenError
from app.core.settings import Settings
from app.media.picture import PICTURE_SUFFIXES
from app.sources.address import without_login
from app.sources.base import Source, SourceKind
from app.sources.camera import CameraSource, Enumeration, find_camera, list_cameras
from app.sources.images import ImagesSource
from app.sources.stream import StreamSource
from app.sources.video import VideoSource

_MOST_SHOWN = 100
_STREAM_SCHEMES = frozenset({"http", "https", "rtsp", "rtsps", "rtmp", "udp", "tcp", "srt"})


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """Which source to open. `address` is a camera's name (empty for the first one), a path or a URL.

    The last three fields are what is asked of a camera; the others have no use for them.
    """

    kind: SourceKind
    address: str
    size: tuple[int, int] = (1280, 720)
    fps: int = 30
    mirror: bool = True


def parse_source(text: str, settings: Settings, *, enumeration: Enumeration = list_cameras) -> SourceSpec:
    """What `text` means: nothing (the first camera), `camera:NAME`, a camera's index or name, a path, or a URL.

    Raises SourceOpenError or one of its kinds when it is none of these. Nothing is opened.
    """
    text = text.strip()
    if not text or text.startswith("camera:"):
        return _camera(text.removeprefix("camera:").strip(), settings)
    try:
        return _file_or_address(text, settings, enumeration)
    except (OSError, ValueError) as error:  # what is dropped may be anything: a whole letter, half an address
        text = without_login(text)
        shown = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
        raise SourceOpenError(f"{shown!r} is neither a file nor an address.", "Check what was written.") from error


def _file_or_address(text: str, settings: Settings, enumeration: Enumeration) -> SourceSpec:
    scheme = urlsplit(text).scheme.lower() if "://" in text else ""
    if scheme in _STREAM_SCHEMES:
        urlsplit(text).port  # noqa: B018  (raises ValueError for a port that is no number)
        return SourceSpec(kind="stream", address=text)
    if scheme == "file":
        text = url2pathname(urlsplit(text).path)
    elif scheme:
        raise SourceOpenError(f"{text} has an address kind that is not known: {scheme}.", "Use http:// or rtsp://.")
    path = Path(text).expanduser()
    if path.is_dir():
        return SourceSpec(kind="images", address=str(path))
    if path.exists():
        kind: SourceKind = "images" if path.suffix.lower() in PICTURE_SUFFIXES else "video"
        return SourceSpec(kind=kind, address=str(path))
    if text.isdecimal():
        return _camera(text, settings)
    try:
        return _camera(find_camera(text, enumeration()).name, settings)
    except CameraOpenError as error:
        if path.suffix or len(path.parts) > 1:
            raise SourceOpenError(f"There is no file or folder {text}.", "Check its name and place.") from error
        raise


def open_source(spec: SourceSpec) -> Source:
    """The source that `spec` names, made but not yet opened."""
    if spec.kind == "camera":
        return CameraSource(spec.address, size=spec.size, fps=spec.fps, mirror=spec.mirror)
    if spec.kind == "video":
        return VideoSource(Path(spec.address))
    if spec.kind == "images":
        return ImagesSource(Path(spec.address))
    return StreamSource(spec.address)


def _camera(name: str, settings: Settings) -> SourceSpec:
    width, height = (int(side) for side in settings.camera_size.split("x"))
    return SourceSpec(
        kind="camera", address=name, size=(width, height), fps=settings.camera_fps, mirror=settings.mirror
    )
