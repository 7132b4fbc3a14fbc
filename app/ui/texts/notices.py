"""What the window says about the notices of a session. No Qt."""

from __future__ import annotations

from app.pipeline.events import CyclesChanged, Notice


def notice_text(notice: Notice) -> str:
    """One sentence for the status line."""
    if isinstance(notice, CyclesChanged):
        why = f": {notice.reason}" if notice.reason else ", there is room again"
        return f"Auto k: {notice.k} of {notice.wanted}{why}."
    return f"Saved {', '.join(path.name for path in notice.paths)}."
