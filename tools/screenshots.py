"""Pictures of every view of the real window, restoring the demo clip.

python tools/screenshots.py FOLDER        every view, light and dark, at 1024 x 640, 1280 x 800 and 1920 x 1080
python tools/screenshots.py FOLDER --scale 2        the same for a screen of twice the pixels
python tools/screenshots.py FOLDER --languages      the window and its dialogs in every language, at 1280 x 800
python tools/screenshots.py --readme      docs/images/window.png alone
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.virtual_display import virtual_display  # noqa: E402  (the line above makes it importable)

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.ui.window import MainWindow

SIZES = ((1024, 640), (1280, 800), (1920, 1080))
README_PICTURE = ROOT / "docs" / "images" / "window.png"
README_SIZE = (1280, 800)
TIMEOUT_S = 60.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Let the window work until the condition holds; raises TimeoutError."""
    from PySide6.QtCore import QCoreApplication, QEventLoop

    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {TIMEOUT_S:g} s for {what}")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.002)  # a loop that never rests takes a core from what it pictures


def open_window(folder: Path, size: tuple[int, int], **settings: Any) -> MainWindow:
    """The real window on the demo clip, with its first restored face on screen."""
    from PySide6.QtCore import QSettings

    from app import __version__
    from app.core.settings import Settings
    from app.ui.host import SessionHost
    from app.ui.reports import OnceFilter, Reporter
    from app.ui.settings_store import SettingsStore
    from app.ui.texts.source import DEMO_CLIP
    from app.ui.window import MainWindow

    window = MainWindow(
        host=SessionHost(),
        store=SettingsStore(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)),
        settings=Settings(**{"output_folder": str(folder), "record_sound": False, **settings}),
        reporter=Reporter(OnceFilter(clock=time.monotonic)),
        version=__version__,
        open_at_start=str(DEMO_CLIP),
    )
    window._store.save_hints_seen()
    window.resize(*size)
    window.show()
    wait_for_face(window)
    return window


def wait_for_face(window: MainWindow, *, at_least_s: float = 0.0) -> None:
    """Wait for a restored face, at this place of the clip or later, and for the numbers that go with it."""

    def is_there() -> bool:
        shown = window.preview.restored
        return (
            shown is not None
            and shown.k == window.settings.k
            and bool(shown.faces)
            and shown.frame.t_media >= at_least_s
            and "Frame:" in window.help.diagnostics()
        )

    wait_until(is_there, "a restored face")


def settle(seconds: float) -> None:
    """Let the window work for a while, so that its rates and plots have content."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "the clock")


def split_on_face(window: MainWindow) -> None:
    """Put the divider on the middle of the face, and its marks on the frame that is shown."""
    shown = window.preview.restored
    assert shown is not None
    left, _, right, _ = shown.faces[0].face.box
    window.change(split=float((left + right) / 2 / shown.image.shape[1]))


def keep(widget: QWidget, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not widget.grab().save(str(path)):
        raise OSError(f"{path} cannot be written")
    print(path)


def readme_picture(scratch: Path) -> None:
    """The window as the README shows it."""
    window = open_window(scratch, README_SIZE, theme="dark")
    wait_for_face(window, at_least_s=5.0)
    split_on_face(window)
    settle(0.3)
    keep(window, README_PICTURE)
    window.close()


def every_view(target: Path, scratch: Path) -> None:
    """All views in both themes and sizes, then what lies over the window, once in each theme."""
    for theme in ("dark", "light"):
        for width, height in SIZES:
            window = open_window(scratch, (width, height), theme=theme)
            for view in ("split", "side-by-side", "restored", "original"):
                window.change(view=view)
                wait_for_face(window)
                settle(0.4)
                keep(window, target / f"{theme}-{width}-{view}.png")
            window.change(view="split", show_plot=True, auto_k=True)
            window.panel.open_advanced()
            settle(4.0)
            bar = window.panel.scroll_area.verticalScrollBar()
            bar.setValue(bar.maximum())
            settle(0.3)
            keep(window, target / f"{theme}-{width}-plot-engine.png")
            over_the_window(window, target, f"{theme}-{width}")
            window.close()
            closer(target, scratch, theme, (width, height))
            pictures(target, scratch, theme, (width, height))


def over_the_window(window: MainWindow, target: Path, name: str) -> None:
    """Recording, messages, the offline banner, menus and dialogs."""
    from app.core.errors import UnreadableMediaError
    from app.ui.dialogs.dialogs import DiagnosticsDialog, ShortcutsSheet, StreamDialog

    window.change(show_plot=False, auto_k=False)
    window.panel.record.click()
    wait_until(lambda: "00:02" in window.panel.record.text(), "two seconds of recording")
    keep(window, target / f"{name}-recording.png")
    window.panel.record.click()
    wait_until(lambda: bool(window.notifications.texts()), "the recording's message")
    window.source.failed.emit(UnreadableMediaError("notes.mp4 is not a video.", "Choose another file."))
    window.banner.say("Integrated Camera is offline. Trying again in 4 s")
    wait_until(lambda: len(window.notifications.texts()) == 2, "both messages")
    settle(0.3)
    keep(window, target / f"{name}-messages.png")
    window.notifications.clear()
    window.banner.say("")
    for menu, label in ((window.source_menu, "source-menu"), (window.more_menu, "more-menu")):
        menu.popup(window.mapToGlobal(window.rect().center()))
        settle(0.2)
        keep(menu, target / f"{name}-{label}.png")
        menu.close()
    dialogs = (
        (ShortcutsSheet(window), "shortcuts"),
        (StreamDialog(window), "stream"),
        (DiagnosticsDialog(window, window.help.diagnostics()), "diagnostics"),
    )
    for dialog, label in dialogs:
        dialog.show()
        settle(0.2)
        keep(dialog, target / f"{name}-{label}.png")
        dialog.close()
    window.change(degrade=True, show_overlay=True)
    settle(0.6)
    keep(window, target / f"{name}-bad-card.png")
    window.preview.toggle_inset()
    settle(0.3)
    keep(window, target / f"{name}-inset.png")
    window.preview.toggle_inset()
    window.change(degrade=False, show_overlay=False)
    share = window.share_menu
    share.popup(window.mapToGlobal(window.rect().center()))
    settle(0.2)
    keep(share, target / f"{name}-share-menu.png")
    share.close()
    buttons = (("Open a file…", "open_file"), ("Demo clip", "open_demo"))
    window.preview.show_message("offline", "holiday.mp4 is not a video.", "Choose another file.", buttons)
    window.preview.repaint()
    keep(window.preview, target / f"{name}-no-picture.png")


def closer(target: Path, scratch: Path, theme: str, size: tuple[int, int]) -> None:
    """The hints of the first start, a face under the pointer and restored alone, zoom and loupe."""
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtTest import QTest

    from app.ui.flows.first_hints import first_hints
    from app.ui.preview.zoom import Zoom

    window, name = open_window(scratch, size, theme=theme), f"{theme}-{size[0]}"
    hints = first_hints(window, on_done=lambda: None)
    settle(0.2)
    keep(window, target / f"{name}-hints.png")
    if hints is not None:
        hints.close()
    scene = window.preview.scene()
    assert scene is not None
    face = scene.face_boxes()[0]
    middle = QPointF(face.x + face.width * 0.12, face.y + face.height * 0.4).toPoint()  # clear of the divider
    QTest.mouseMove(window.preview, middle)
    settle(0.3)
    keep(window, target / f"{name}-hovered.png")
    QTest.mouseClick(window.preview, Qt.MouseButton.LeftButton, pos=middle)
    wait_until(lambda: window.preview.restored is not None and window.preview.restored.alone, "one face alone")
    settle(0.4)
    keep(window, target / f"{name}-alone.png")
    window.faces.restore_all()
    window.preview.set_zoom(Zoom(2.5, 0.3, 0.15))
    window.preview.toggle_loupe()
    settle(0.4)
    keep(window, target / f"{name}-zoom-loupe.png")
    window.close()


def pictures(target: Path, scratch: Path, theme: str, size: tuple[int, int]) -> None:
    """A folder of pictures, and the gallery with the snapshots of one of them."""
    import cv2

    from app import __version__
    from app.restorers.store import ModelStore
    from app.ui.dialogs.about import AboutDialog
    from app.ui.dialogs.gallery import GalleryDialog

    window = open_window(scratch, size, theme=theme)
    shown = window.preview.restored
    assert shown is not None
    folder = scratch / "holiday"
    folder.mkdir(exist_ok=True)
    for name in ("beach.png", "dinner.png", "garden.png"):
        cv2.imwrite(str(folder / name), shown.frame.image)
    window.panel.snapshot.click()
    wait_until(lambda: bool(window.notifications.texts()), "the snapshot's message")
    window.notifications.clear()
    window.open_source(str(folder), remember=False)
    wait_until(window.picture_bar.isVisible, "the bar of the pictures")
    wait_for_face(window)
    window.preview.repaint()
    settle(0.4)
    keep(window, target / f"{theme}-{size[0]}-pictures.png")
    gallery = GalleryDialog(window, scratch, reveal=lambda _: None)
    models = {entry.name: entry.licence for entry in ModelStore().entries()}
    about = AboutDialog(window, version=__version__, models=tuple(models.items()))
    for dialog, label in ((gallery, "gallery"), (about, "about")):
        dialog.show()
        settle(0.6)
        keep(dialog, target / f"{theme}-{size[0]}-{label}.png")
        dialog.close()
    window.close()


def every_language(target: Path, scratch: Path) -> None:
    """The window, all of its settings, its menus and dialogs, as one window shows them in every language."""
    from app.core.languages import LANGUAGES
    from app.ui.dialogs.about import AboutDialog
    from app.ui.dialogs.dialogs import ShortcutsSheet, StreamDialog
    from app.ui.dialogs.gallery import GalleryDialog

    window = open_window(scratch, (1280, 800), theme="dark")
    split_on_face(window)
    for language in (each.code for each in LANGUAGES):
        window.change(language=language, auto_k=True, show_plot=False, show_overlay=True)
        window.panel._advanced_toggle.setChecked(False)
        settle(1.0)
        keep(window, target / f"{language}-window.png")
        window.change(show_plot=True, show_overlay=False, degrade=True, view="side-by-side")
        window.panel.open_advanced()
        window.panel.show_camera_controls(True)
        window.panel.outputs._view.show()
        bar = window.panel.scroll_area.verticalScrollBar()
        settle(0.6)
        keep(window, target / f"{language}-advanced.png")
        bar.setValue(bar.maximum())
        settle(0.4)
        keep(window, target / f"{language}-engine.png")
        window.panel.show_camera_controls(False)
        window.change(degrade=False, view="split")
        shown = (
            (ShortcutsSheet(window), "shortcuts"),
            (StreamDialog(window), "stream"),
            (AboutDialog(window, version="1.0", models=()), "about"),
            (GalleryDialog(window, scratch, reveal=lambda _: None), "gallery"),
            (window.source_menu, "source-menu"),
            (window.share_menu, "share-menu"),
            (window.more_menu, "more-menu"),
        )
        for widget, label in shown:
            widget.show()
            settle(0.2)
            keep(widget, target / f"{language}-{label}.png")
            widget.close()
    window.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the pictures go")
    parser.add_argument("--readme", action="store_true", help=f"write {README_PICTURE.relative_to(ROOT)}")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels for one of the window's")
    parser.add_argument("--languages", action="store_true", help="every language in place of every view")
    options = parser.parse_args()
    if options.folder is None and not options.readme:
        parser.error("name a folder, or give --readme")
    with tempfile.TemporaryDirectory() as scratch, virtual_display():
        os.environ["CFRNET_LIVE_LOG_FOLDER"] = scratch
        os.environ["QT_SCALE_FACTOR"] = f"{options.scale:g}"
        from app.ui.application import make_application

        application = make_application()
        if options.readme:
            readme_picture(Path(scratch))
        if options.folder is not None:
            (every_language if options.languages else every_view)(options.folder, Path(scratch))
        import shiboken6  # not before the application: on Windows ONNX Runtime comes first

        shiboken6.delete(application)  # while its screen is still there
    return 0


if __name__ == "__main__":
    sys.exit(main())
