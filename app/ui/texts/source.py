"""What the window says and decides about its source. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.core.address import shown_source
from app.core.errors import AppError
from app.core.resources import resource_folder
from app.core.words import Phrase, Words, joined, phrase, tr
from app.media.videos.suffixes import VIDEO_SUFFIXES
from app.sources.base import SourceInfo
from app.ui.style.formatting import rate

DEMO_CLIP = resource_folder("assets") / "demo.mp4"

_NONE_FOUND = phrase("No camera was found.")


def source_name(info: SourceInfo, opened: str = "") -> Words:
    """What the person calls the source that was opened by the text `opened`."""
    return phrase("Demo clip") if opened == str(DEMO_CLIP) else info.name


def source_facts(info: SourceInfo) -> Phrase:
    """Return the actual size and rate of the source: `1280 × 720 · 30.0 fps`."""
    size = phrase("{width} × {height}", width=info.width, height=info.height)
    return joined((size, rate(info.fps)), " · ") if info.fps > 0 and info.picture_s == 0 else size


def file_filters() -> str:
    """The kinds of files that a file dialog offers, in Qt's format."""
    from app.media.pictures.picture import PICTURE_SUFFIXES  # OpenCV comes with it, which the window does not wait for

    videos = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES))
    pictures = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
    kinds = (
        (tr("Videos and pictures"), f"{videos} {pictures}"),
        (tr("Videos"), videos),
        (tr("Pictures"), pictures),
        (tr("All files"), "*"),
    )
    return ";;".join(f"{name} ({patterns})" for name, patterns in kinds)


def recent_with(recent: Sequence[str], text: str) -> tuple[str, ...]:
    """The recent sources with `text` as the newest, at most eight, each once."""
    return (text, *(one for one in recent if one != text))[:8]


def recent_name(text: str) -> str:
    """A recent source in a menu: a file's name, a stream's address without its login."""
    return shown_source(text) if "://" in text else (Path(text).name or text)


def names_camera(text: str) -> bool:
    """Whether the text of a source means a camera: "camera:NAME", or nothing for the first."""
    return not text or text.startswith("camera:")


def remembered(text: str) -> bool:
    """Whether a source goes to the recent ones: files, folders and streams, but not cameras and the demo clip."""
    return not names_camera(text) and text != str(DEMO_CLIP)


def failed_actions(wanted: str) -> tuple[tuple[Phrase, str], ...]:
    """(text, name of the action) of the buttons under the message that `wanted` cannot be opened."""
    if "://" in wanted:
        return (
            (phrase("Retry"), "retry"),
            (phrase("Edit address…"), "open_stream"),
            (phrase("Open a file…"), "open_file"),
        )
    if names_camera(wanted):
        return ((phrase("Retry"), "retry"), (phrase("Open a file…"), "open_file"), (phrase("Demo clip"), "open_demo"))
    return ((phrase("Open a file…"), "open_file"), (phrase("Demo clip"), "open_demo"))


def offline_text(name: Words, retry_in_s: float | None, *, since: str = "") -> Phrase:
    """The banner over the last picture of a source that stopped delivering, at the time `since`."""
    offline = (
        phrase("{name} is offline since {since}.", name=name, since=since)
        if since
        else phrase("{name} is offline.", name=name)
    )
    if retry_in_s is None or retry_in_s < 0.5:
        return joined((offline, phrase("Trying to reconnect…")), " ")
    return joined((offline, phrase("Trying again in {seconds:.0f} s", seconds=retry_in_s)), " ")


def falls_back_to_demo(*, wanted: str, demo_exists: bool, has_played: bool) -> bool:
    """Whether the demo clip takes the place of a source that cannot be opened.

    Only at start, when the person did not ask for anything particular: the first or the last used camera is absent.
    """
    return demo_exists and not has_played and names_camera(wanted)


def is_without_camera(error: AppError | None) -> bool:
    """Whether `error` says that the computer has no camera, which is nobody's fault."""
    return error is None or error.what_phrase == _NONE_FOUND


def no_camera_words(error: AppError | None) -> tuple[Phrase, Phrase]:
    """Title and detail of the message that comes with the demo clip; a camera that is there has its error's advice."""
    if error is not None and not is_without_camera(error):
        return phrase("The camera does not open, so the demo clip is playing"), error.phrase
    advice = phrase("Plug one in and press F5, or open a file or a stream.")
    return phrase("No camera, so the demo clip is playing"), joined((_NONE_FOUND, advice), " ")
