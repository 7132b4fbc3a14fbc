"""The registry of source kinds, and parsing of what a person typed, dropped or chose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.core.address import path_of_address, shown_source
from app.core.errors import SourceOpenError
from app.core.settings import Settings
from app.sources.base import Source, SourceKind, SourceSpec
from app.sources.camera import CAMERA
from app.sources.images import IMAGES
from app.sources.stream import STREAM
from app.sources.video import VIDEO

KINDS: tuple[SourceKind, ...] = (CAMERA, STREAM, IMAGES, VIDEO)
"""Every kind in matching order, the more specific ones first."""

_MOST_SHOWN = 100


def parse_source(text: str, settings: Settings, *, kinds: Sequence[SourceKind] = KINDS) -> SourceSpec:
    """Return what `text` names: empty (the first camera), `camera:NAME`, a camera's index or name, a path, or a URL.

    Raises SourceOpenError or a subclass when it is none of these. Nothing is opened.
    """
    text = text.strip()
    try:
        if "://" in text and urlsplit(text).scheme.lower() == "file":
            text = path_of_address(text)
        for kind in kinds:
            if (spec := kind.match(text, settings)) is not None:
                return spec
        return _search(text, settings, kinds)
    except (OSError, ValueError) as error:  # what is dropped may be anything: a whole letter, half an address
        text = shown_source(text)
        shown = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
        raise SourceOpenError(
            "{shown} is neither a file nor an address.", "Check what was written.", shown=repr(shown)
        ) from error


def open_source(spec: SourceSpec) -> Source:
    """Return the source that `spec` names, made but not yet opened."""
    return spec.kind.make(spec)


def _search(text: str, settings: Settings, kinds: Sequence[SourceKind]) -> SourceSpec:
    if "://" in text:
        scheme = urlsplit(text).scheme.lower()
        raise SourceOpenError(
            "{text} has an address kind that is not known: {scheme}.",
            "Use http:// or rtsp://.",
            text=shown_source(text),
            scheme=scheme,
        )
    refusals: list[SourceOpenError] = []
    for kind in kinds:
        if kind.search is not None:
            try:
                return kind.search(text, settings)
            except SourceOpenError as error:
                refusals.append(error)
    path = Path(text)
    if path.suffix or len(path.parts) > 1 or not refusals:
        raise SourceOpenError("There is no file or folder {text}.", "Check its name and place.", text=text) from (
            refusals[0] if refusals else None
        )
    raise refusals[0]
