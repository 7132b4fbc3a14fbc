"""The keyboard shortcuts: the one table that the actions and the sheet of shortcuts are made from. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

HOLD_ORIGINAL_KEY = "O"


@dataclass(frozen=True)
class Shortcut:
    """`keys` in Qt's portable text; a shortcut without an action is handled by the preview itself."""

    group: str
    words: str
    keys: tuple[str, ...]
    action: str = ""


SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Restoration", "1 cycle", ("1",), "k1"),
    Shortcut("Restoration", "2 cycles", ("2",), "k2"),
    Shortcut("Restoration", "3 cycles", ("3",), "k3"),
    Shortcut("Restoration", "4 cycles", ("4",), "k4"),
    Shortcut("Restoration", "Auto k on or off", ("A",), "auto_k"),
    Shortcut("Restoration", "Strength down, up", ("[", "]"), "strength"),
    Shortcut("View", "Hold for the original", (HOLD_ORIGINAL_KEY,)),
    Shortcut("View", "Next view", ("V",), "next_view"),
    Shortcut("View", "Move the divider (picture focused)", ("Left", "Right")),
    Shortcut("View", "Latency overlay", ("L",), "show_overlay"),
    Shortcut("View", "Face marks", ("F",), "show_faces"),
    Shortcut("View", "Live plot", ("P",), "show_plot"),
    Shortcut("View", "Hide or show the panel", ("H",), "toggle_panel"),
    Shortcut("View", "Full screen", ("F11",), "full_screen"),
    Shortcut("Capture", "Record, stop", ("R",), "record"),
    Shortcut("Capture", "Snapshot, before and after", ("S",), "snapshot"),
    Shortcut("Capture", "Pause, go on (picture focused)", ("Space",)),
    Shortcut("Source", "Open a file", ("Ctrl+O",), "open_file"),
    Shortcut("Source", "Open a folder", ("Ctrl+Shift+O",), "open_folder"),
    Shortcut("Source", "Open a stream", ("Ctrl+L",), "open_stream"),
    Shortcut("Source", "Look for cameras again", ("F5",), "refresh_cameras"),
    Shortcut("Source", "Mirror the camera", ("M",), "mirror"),
    Shortcut("Application", "This sheet", ("?", "F1"), "shortcuts"),
    Shortcut("Application", "Copy diagnostics", ("Ctrl+Shift+D",), "diagnostics"),
    Shortcut("Application", "Undo a settings reset", ("Ctrl+Z",), "undo_reset"),
    Shortcut("Application", "Close the window", ("Ctrl+Q",), "quit"),
)


def keys_of(action: str) -> tuple[str, ...]:
    """The keys of an action; empty when it has none."""
    return next((entry.keys for entry in SHORTCUTS if entry.action == action), ())


def groups() -> tuple[tuple[str, tuple[Shortcut, ...]], ...]:
    """The table by group, in its order."""
    names = dict.fromkeys(entry.group for entry in SHORTCUTS)
    return tuple((name, tuple(entry for entry in SHORTCUTS if entry.group == name)) for name in names)
