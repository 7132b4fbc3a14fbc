"""What the window says about the notices of a session. No Qt."""

from __future__ import annotations

from app.core.words import Phrase, phrase
from app.pipeline.live.events import CyclesChanged, MicrophoneMissing, Notice, RecordingReduced


def is_lasting(notice: Notice) -> bool:
    """Whether it is about a recording that is not what was asked for, which must not be missed."""
    return isinstance(notice, MicrophoneMissing | RecordingReduced)


def notice_text(notice: Notice) -> Phrase:
    """One sentence about the notice."""
    if isinstance(notice, RecordingReduced):
        size = (
            phrase("at the source's size")
            if notice.scale == 1
            else phrase("{scale} times as large", scale=notice.scale)
        )
        return phrase(
            "Recording {size}: {wanted} times is too slow here. Save restored… has time for it.",
            size=size,
            wanted=notice.wanted,
        )
    if isinstance(notice, MicrophoneMissing):
        if notice.replaced:
            return phrase("{microphone} does not open: the system's microphone is recorded.", microphone=notice.wanted)
        if not notice.wanted:
            return phrase("The system's microphone does not open: the recording has no sound.")
        return phrase("{microphone} does not open: the recording has no sound.", microphone=notice.wanted)
    if not isinstance(notice, CyclesChanged):
        return phrase("Saved {names}.", names=", ".join(path.name for path in notice.paths))
    if notice.reason:
        return phrase("Auto k: {k} of {wanted}: {reason}.", k=notice.k, wanted=notice.wanted, reason=notice.reason)
    return phrase("Auto k: {k} of {wanted}, there is room again.", k=notice.k, wanted=notice.wanted)
