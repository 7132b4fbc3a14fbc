"""What the window says and decides about its source. No Qt."""

from __future__ import annotations

from pathlib import Path

from app.core.errors import AppError
from app.sources.base import SourceInfo

DEMO_CLIP = Path(__file__).parents[3] / "assets" / "demo.mp4"


def source_name(info: SourceInfo) -> str:
    """What the person calls the source."""
    return "Demo clip" if Path(info.name).name == DEMO_CLIP.name else info.name


def source_facts(info: SourceInfo) -> str:
    """Size and rate as the source really gives them: `1280 × 720 · 30.0 fps`."""
    size = f"{info.width} × {info.height}"
    return f"{size} · {info.fps:.1f} fps" if info.fps > 0 else size


def offline_text(name: str, retry_in_s: float | None) -> str:
    """The banner over the last picture of a source that stopped delivering."""
    if retry_in_s is None or retry_in_s < 0.5:
        return f"{name} is offline. Trying to reconnect…"
    return f"{name} is offline. Trying again in {retry_in_s:.0f} s"


def falls_back_to_demo(*, wanted: str, demo_exists: bool, has_played: bool) -> bool:
    """Whether the demo clip takes the place of a source that cannot be opened.

    Only at start, when the person did not ask for anything particular: the first or the last used camera is absent.
    """
    return demo_exists and not has_played and (not wanted or wanted.startswith("camera:"))


def no_camera_words(error: AppError | None) -> tuple[str, str]:
    """Title and detail of the notice that comes with the demo clip."""
    reason = f"{error.what} " if error is not None else ""
    return "No camera, so the demo clip is playing", f"{reason}Plug one in and press F5, or open a file or a stream."
