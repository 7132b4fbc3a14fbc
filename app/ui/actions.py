"""The table of the window's actions: name, text, keys and handler. Menus, shortcuts and their sheet are made from it.

No Qt: a handler receives the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.words import Phrase, Words, phrase
from app.ui.preview.zoom import Zoom

if TYPE_CHECKING:
    from app.ui.window import MainWindow

HOLD_ORIGINAL_KEY = "O"


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action. `keys` are Qt's portable text; one with keys is on the sheet of shortcuts, in its `group`.

    `standard` is the name of a QKeySequence.StandardKey, whose keys on this platform are added. Keys without a
    `handler` are handled by the preview itself. A key that is held acts again and again only where it `repeats`.
    `sheet` is the text on the sheet where it differs.
    """

    name: str
    text: Phrase
    handler: Callable[[MainWindow], object] | None = None
    keys: tuple[str, ...] = ()
    standard: str = ""
    group: Words = ""
    sheet: Words = ""
    repeats: bool = False


def _restoration(
    name: str, text: Phrase, key: str, handler: Callable[[MainWindow], object], *, repeats: bool = False
) -> Action:
    return Action(name=name, text=text, keys=(key,), group=phrase("Restoration"), handler=handler, repeats=repeats)


def _view(name: str, text: Phrase, key: str, handler: Callable[[MainWindow], object] | None = None) -> Action:
    return Action(name=name, text=text, keys=(key,), group=phrase("View"), handler=handler)


def _source(
    name: str,
    text: Phrase,
    key: str,
    handler: Callable[[MainWindow], object],
    sheet: Words = "",
    *,
    repeats: bool = False,
) -> Action:
    return Action(
        name=name, text=text, keys=(key,), group=phrase("Source"), handler=handler, sheet=sheet, repeats=repeats
    )


def _capture(name: str, text: Phrase, key: str, handler: Callable[[MainWindow], object], sheet: Words = "") -> Action:
    return Action(name=name, text=text, keys=(key,), group=phrase("Capture"), handler=handler, sheet=sheet)


def _more(name: str, text: Phrase, handler: Callable[[MainWindow], object]) -> Action:
    return Action(name=name, text=text, handler=handler)


ACTIONS: tuple[Action, ...] = (
    _restoration("k1", phrase("Fast, 1 cycle"), "1", lambda window: window.change(k=1, auto_k=False)),
    _restoration("k2", phrase("Faithful, 2 cycles"), "2", lambda window: window.change(k=2, auto_k=False)),
    _restoration("k3", phrase("Best look, 3 cycles"), "3", lambda window: window.change(k=3, auto_k=False)),
    _restoration("k4", phrase("4 cycles"), "4", lambda window: window.change(k=4, auto_k=False)),
    _restoration("auto_k", phrase("Auto quality on or off"), "A", lambda window: window.toggle_auto()),
    _restoration("strength_down", phrase("Strength down"), "[", lambda window: window.step_strength(-5), repeats=True),
    _restoration("strength_up", phrase("Strength up"), "]", lambda window: window.step_strength(5), repeats=True),
    _restoration(
        "next_face",
        phrase("One face alone, the next one, all again"),
        "N",
        lambda window: window.faces.step(),
    ),
    _view("hold_original", phrase("Hold for the original"), HOLD_ORIGINAL_KEY),
    _view("next_view", phrase("Next view"), "V", lambda window: window.next_view()),
    Action(
        name="move_divider",
        text=phrase("Move the divider (picture focused)"),
        keys=("Left", "Right"),
        group=phrase("View"),
    ),
    _view("show_overlay", phrase("Latency card"), "L", lambda window: window.toggle("show_overlay")),
    _view("show_faces", phrase("Face marks"), "F", lambda window: window.toggle("show_faces")),
    _view("loupe", phrase("Loupe at the pointer, before and after"), "Z", lambda window: window.preview.toggle_loupe()),
    _view("inset", phrase("Largest face at twice its size"), "I", lambda window: window.preview.toggle_inset()),
    _view("zoom_reset", phrase("Whole picture again"), "0", lambda window: window.preview.set_zoom(Zoom())),
    _view("show_plot", phrase("Live plot"), "P", lambda window: window.toggle("show_plot")),
    _view("toggle_panel", phrase("Hide or show the panel"), "H", lambda window: window.toggle_panel()),
    Action(
        name="full_screen",
        text=phrase("Full screen"),
        keys=("F11",),
        standard="FullScreen",
        group=phrase("View"),
        handler=lambda window: window.toggle_full_screen(),
    ),
    Action(
        name="record",
        text=phrase("Record, stop"),
        keys=("R",),
        group=phrase("Capture"),
        handler=lambda window: window.panel.record.click(),
    ),
    Action(
        name="snapshot",
        text=phrase("Snapshot, before and after"),
        keys=("S",),
        group=phrase("Capture"),
        handler=lambda window: window.panel.snapshot.click(),
    ),
    _capture(
        "share_clip",
        phrase("Share the last seconds as a clip"),
        "C",
        lambda window: window.sharing.share_clip("wide", ".mp4"),
    ),
    _capture(
        "save_before_after",
        phrase("Save before and after in one picture"),
        "X",
        lambda window: window.sharing.save_before_after(),
    ),
    _capture(
        "copy_before_after",
        phrase("Copy before and after"),
        "Ctrl+C",
        lambda window: window.sharing.copy_before_after(),
    ),
    _capture(
        "save_restored",
        phrase("Save restored…"),
        "Ctrl+S",
        lambda window: window.sharing.save_restored(),
        phrase("Restore the whole file"),
    ),
    _capture("gallery", phrase("Gallery…"), "G", lambda window: window.sharing.show_gallery(), phrase("Gallery")),
    Action(name="pause", text=phrase("Pause, continue (picture focused)"), keys=("Space",), group=phrase("Capture")),
    _source(
        "open_file",
        phrase("Open a file…"),
        "Ctrl+O",
        lambda window: window.choosing.ask_for_file(),
        phrase("Open a file"),
    ),
    _source(
        "open_folder",
        phrase("Open a folder of pictures…"),
        "Ctrl+Shift+O",
        lambda window: window.choosing.ask_for_folder(),
        phrase("Open a folder"),
    ),
    _source(
        "open_stream",
        phrase("Open a stream…"),
        "Ctrl+L",
        lambda window: window.choosing.ask_for_stream(),
        phrase("Open a stream"),
    ),
    _source(
        "next_picture",
        phrase("Next picture of the folder"),
        "PgDown",
        lambda window: window.pictures.step(1),
        repeats=True,
    ),
    _source(
        "previous_picture", phrase("Picture before"), "PgUp", lambda window: window.pictures.step(-1), repeats=True
    ),
    _source("refresh_cameras", phrase("Look for cameras again"), "F5", lambda window: window.source.look_for_cameras()),
    _source("mirror", phrase("Mirror the camera"), "M", lambda window: window.toggle("mirror")),
    _source("degrade", phrase("Make my camera bad"), "B", lambda window: window.toggle("degrade")),
    _more("retry", phrase("Try again"), lambda window: window.source.retry()),
    _more("open_demo", phrase("Play the demo clip"), lambda window: window.open_demo()),
    Action(
        name="shortcuts",
        text=phrase("Keyboard shortcuts"),
        keys=("?", "F1"),
        group=phrase("Application"),
        handler=lambda window: window.help.show_shortcuts(),
        sheet=phrase("This sheet"),
    ),
    Action(
        name="diagnostics",
        text=phrase("Copy diagnostics"),
        keys=("Ctrl+Shift+D",),
        group=phrase("Application"),
        handler=lambda window: window.help.copy_diagnostics(),
    ),
    Action(
        name="undo_reset",
        text=phrase("Undo the reset"),
        keys=("Ctrl+Z",),
        group=phrase("Application"),
        handler=lambda window: window.reset.undo(),
        sheet=phrase("Undo a settings reset"),
    ),
    Action(
        name="quit",
        text=phrase("Close"),
        keys=("Ctrl+Q",),
        group=phrase("Application"),
        handler=lambda window: window.close(),
        sheet=phrase("Close the window"),
    ),
    _more("choose_output", phrase("Choose the folder for recordings…"), lambda window: window.ask_for_output_folder()),
    _more("open_output", phrase("Open the folder for recordings"), lambda window: window.open_output_folder()),
    _more("show_diagnostics", phrase("Diagnostics…"), lambda window: window.help.show_diagnostics()),
    _more("open_log", phrase("Open the log's folder"), lambda window: window.help.open_log_folder()),
    _more("reset", phrase("Reset all settings"), lambda window: window.reset.reset()),
    _more("about", phrase("About and licences…"), lambda window: window.help.show_about()),
)


def keys_of(name: str) -> tuple[str, ...]:
    """Return the keys of an action; empty when it has none."""
    return next((action.keys for action in ACTIONS if action.name == name), ())


def sheet_groups() -> tuple[tuple[Words, tuple[Action, ...]], ...]:
    """Return the actions with keys by their group, in the order of the table."""
    with_keys = [action for action in ACTIONS if action.keys]
    names = dict.fromkeys(action.group for action in with_keys)
    return tuple((name, tuple(action for action in with_keys if action.group == name)) for name in names)
