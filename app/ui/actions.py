"""The table of the window's actions: name, text, keys and handler. Menus, shortcuts and their sheet are made from it.

No Qt: a handler receives the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.ui.preview.zoom import Zoom

if TYPE_CHECKING:
    from app.ui.window import MainWindow

HOLD_ORIGINAL_KEY = "O"


@dataclass(frozen=True, kw_only=True)
class Action:
    """`keys` are Qt's portable text; one with keys is on the sheet of shortcuts, in its `group`.

    Keys without a `handler` are handled by the preview itself. `sheet` is the text on the sheet where it differs.
    """

    name: str
    text: str
    handler: Callable[[MainWindow], object] | None = None
    keys: tuple[str, ...] = ()
    group: str = ""
    sheet: str = ""


def _restoration(name: str, text: str, key: str, handler: Callable[[MainWindow], object]) -> Action:
    return Action(name=name, text=text, keys=(key,), group="Restoration", handler=handler)


def _view(name: str, text: str, key: str, handler: Callable[[MainWindow], object] | None = None) -> Action:
    return Action(name=name, text=text, keys=(key,), group="View", handler=handler)


def _source(name: str, text: str, key: str, handler: Callable[[MainWindow], object], sheet: str = "") -> Action:
    return Action(name=name, text=text, keys=(key,), group="Source", handler=handler, sheet=sheet)


def _capture(name: str, text: str, key: str, handler: Callable[[MainWindow], object], sheet: str = "") -> Action:
    return Action(name=name, text=text, keys=(key,), group="Capture", handler=handler, sheet=sheet)


def _more(name: str, text: str, handler: Callable[[MainWindow], object]) -> Action:
    return Action(name=name, text=text, handler=handler)


ACTIONS: tuple[Action, ...] = (
    _restoration("k1", "Fast, 1 cycle", "1", lambda window: window.change(k=1, auto_k=False)),
    _restoration("k2", "Faithful, 2 cycles", "2", lambda window: window.change(k=2, auto_k=False)),
    _restoration("k3", "Best look, 3 cycles", "3", lambda window: window.change(k=3, auto_k=False)),
    _restoration("k4", "4 cycles", "4", lambda window: window.change(k=4, auto_k=False)),
    _restoration("auto_k", "Auto quality on or off", "A", lambda window: window.toggle("auto_k")),
    _restoration("strength_down", "Strength down", "[", lambda window: window.step_strength(-5)),
    _restoration("strength_up", "Strength up", "]", lambda window: window.step_strength(5)),
    _restoration("next_face", "One face alone, the next one, all again", "N", lambda window: window.faces.step()),
    _view("hold_original", "Hold for the original", HOLD_ORIGINAL_KEY),
    _view("next_view", "Next view", "V", lambda window: window.next_view()),
    Action(name="move_divider", text="Move the divider (picture focused)", keys=("Left", "Right"), group="View"),
    _view("show_overlay", "Latency card", "L", lambda window: window.toggle("show_overlay")),
    _view("show_faces", "Face marks", "F", lambda window: window.toggle("show_faces")),
    _view("loupe", "Loupe at the pointer, before and after", "Z", lambda window: window.preview.toggle_loupe()),
    _view("inset", "Largest face at twice its size", "I", lambda window: window.preview.toggle_inset()),
    _view("zoom_reset", "Whole picture again", "0", lambda window: window.preview.set_zoom(Zoom())),
    _view("show_plot", "Live plot", "P", lambda window: window.toggle("show_plot")),
    _view("toggle_panel", "Hide or show the panel", "H", lambda window: window.toggle_panel()),
    _view("full_screen", "Full screen", "F11", lambda window: window.toggle_full_screen()),
    Action(
        name="record",
        text="Record, stop",
        keys=("R",),
        group="Capture",
        handler=lambda window: window.panel.record.click(),
    ),
    Action(
        name="snapshot",
        text="Snapshot, before and after",
        keys=("S",),
        group="Capture",
        handler=lambda window: window.panel.snapshot.click(),
    ),
    _capture(
        "share_clip", "Share the last seconds as a clip", "C", lambda window: window.sharing.share_clip("wide", ".mp4")
    ),
    _capture(
        "save_before_after",
        "Save before and after in one picture",
        "X",
        lambda window: window.sharing.save_before_after(),
    ),
    _capture("copy_before_after", "Copy before and after", "Ctrl+C", lambda window: window.sharing.copy_before_after()),
    _capture(
        "save_restored",
        "Save restored…",
        "Ctrl+S",
        lambda window: window.sharing.save_restored(),
        "Restore the whole file",
    ),
    _capture("gallery", "Gallery…", "G", lambda window: window.sharing.show_gallery(), "Gallery"),
    Action(name="pause", text="Pause, continue (picture focused)", keys=("Space",), group="Capture"),
    _source("open_file", "Open a file…", "Ctrl+O", lambda window: window.choosing.ask_for_file(), "Open a file"),
    _source(
        "open_folder",
        "Open a folder of pictures…",
        "Ctrl+Shift+O",
        lambda window: window.choosing.ask_for_folder(),
        "Open a folder",
    ),
    _source(
        "open_stream", "Open a stream…", "Ctrl+L", lambda window: window.choosing.ask_for_stream(), "Open a stream"
    ),
    _source("next_picture", "Next picture of the folder", "PgDown", lambda window: window.pictures.step(1)),
    _source("previous_picture", "Picture before", "PgUp", lambda window: window.pictures.step(-1)),
    _source("refresh_cameras", "Look for cameras again", "F5", lambda window: window.source.look_for_cameras()),
    _source("mirror", "Mirror the camera", "M", lambda window: window.toggle("mirror")),
    _source("degrade", "Make my camera bad", "B", lambda window: window.toggle("degrade")),
    _more("retry", "Try again", lambda window: window.source.retry()),
    _more("open_demo", "Play the demo clip", lambda window: window.open_demo()),
    Action(
        name="shortcuts",
        text="Keyboard shortcuts",
        keys=("?", "F1"),
        group="Application",
        handler=lambda window: window.help.show_shortcuts(),
        sheet="This sheet",
    ),
    Action(
        name="diagnostics",
        text="Copy diagnostics",
        keys=("Ctrl+Shift+D",),
        group="Application",
        handler=lambda window: window.help.copy_diagnostics(),
    ),
    Action(
        name="undo_reset",
        text="Undo the reset",
        keys=("Ctrl+Z",),
        group="Application",
        handler=lambda window: window.reset.undo(),
        sheet="Undo a settings reset",
    ),
    Action(
        name="quit",
        text="Close",
        keys=("Ctrl+Q",),
        group="Application",
        handler=lambda window: window.close(),
        sheet="Close the window",
    ),
    _more("choose_output", "Choose the folder for recordings…", lambda window: window.ask_for_output_folder()),
    _more("open_output", "Open the folder for recordings", lambda window: window.open_output_folder()),
    _more("show_diagnostics", "Diagnostics…", lambda window: window.help.show_diagnostics()),
    _more("open_log", "Open the log's folder", lambda window: window.help.open_log_folder()),
    _more("reset", "Reset all settings", lambda window: window.reset.reset()),
    _more("about", "About and licences…", lambda window: window.help.show_about()),
)


def keys_of(name: str) -> tuple[str, ...]:
    """Return the keys of an action; empty when it has none."""
    return next((action.keys for action in ACTIONS if action.name == name), ())


def sheet_groups() -> tuple[tuple[str, tuple[Action, ...]], ...]:
    """Return the actions with keys by their group, in the order of the table."""
    with_keys = [action for action in ACTIONS if action.keys]
    names = dict.fromkeys(action.group for action in with_keys)
    return tuple((name, tuple(action for action in with_keys if action.group == name)) for name in names)
