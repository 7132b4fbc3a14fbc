"""What the window says about the notices of a session. No Qt."""

from __future__ import annotations

from app.pipeline.live.events import CyclesChanged, Notice, RecordingReduced


def notice_text(notice: Notice) -> str:
    """One sentence for the status line."""
    if isinstance(notice, CyclesChanged):
        why = f": {notice.reason}" if notice.reason else ", there is room again"
        return f"Auto k: {notice.k} of {notice.wanted}{why}."
    if isinstance(notice, RecordingReduced):
        size = "at the source's size" if notice.scale == 1 else f"{notice.scale} times as large"
        return f"Recording {size}: {notice.wanted} times is too slow here. Save restored… has time for it."
    return f"Saved {', '.join(path.name for path in notice.paths)}."
