"""The main window: puts the parts together and carries every change of a setting to all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from app.core.settings import Settings, specification
from app.core.words import tr
from app.media.files import make_private_folder, output_error
from app.ui.dialogs.hints import Hints
from app.ui.dialogs.notifications import Banner, Notifications
from app.ui.flows.capture import CaptureFlow, default_folder
from app.ui.flows.choosing import ChoosingFlow
from app.ui.flows.faces import FaceFlow
from app.ui.flows.first_hints import first_hints
from app.ui.flows.help import HelpFlow
from app.ui.flows.live_state import LiveStateFlow
from app.ui.flows.offer import OfferFlow
from app.ui.flows.pictures import PictureFlow
from app.ui.flows.reset import ResetFlow
from app.ui.flows.restorer import as_applied, fitting
from app.ui.flows.sharing import SharingFlow
from app.ui.flows.sound import SoundFlow
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.menus import MoreMenu, ShareMenu, is_hold_key, make_actions
from app.ui.outside import open_folder
from app.ui.panel.job_bar import JobBar
from app.ui.panel.panel import Panel
from app.ui.panel.picture_bar import PictureBar
from app.ui.panel.source_menu import SourceMenu
from app.ui.panel.status_line import StatusLine
from app.ui.panel.transport import Transport
from app.ui.preview.geometry import first_size
from app.ui.preview.preview import Preview
from app.ui.reports import Reporter
from app.ui.settings_store import SettingsStore
from app.ui.style.language import speak
from app.ui.style.theme import apply_theme
from app.ui.texts.quality import changes_for
from app.ui.texts.source import DEMO_CLIP

if TYPE_CHECKING:
    from app.restorers.store import ShippedRestorer

_SAVE_MS = 600
_REOPEN_MS = 500
_PLAIN = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)


class MainWindow(QMainWindow):
    """The window over a session host. `open_at_start` None opens the remembered source."""

    def __init__(
        self,
        *,
        host: SessionHost,
        store: SettingsStore,
        settings: Settings,
        reporter: Reporter,
        version: str,
        open_at_start: str | None = None,
    ) -> None:
        super().__init__()
        self._host, self._store, self._reporter = host, store, reporter
        self._settings = settings
        self._restorers: tuple[ShippedRestorer, ...] = ()
        self._closed = False
        self._panel_wanted = True
        self.hints: Hints | None = None
        self.setWindowTitle("CFRNet Live")
        self.setMinimumSize(860, 540)

        self.preview: Preview = Preview()
        self.transport = Transport()
        self.status_line = StatusLine()
        self.notifications = Notifications(self.preview)
        self.banner: Banner = self.preview.banner
        self.actions_by_name = make_actions(self)
        named = self.actions_by_name
        self.source_menu = SourceMenu(
            self,
            refresh=named["refresh_cameras"],
            files=[named[name] for name in ("open_file", "open_folder", "open_stream")],
            demo=named["open_demo"],
        )
        self.more_menu = MoreMenu(self, named, lambda setting, value: self.change(**{setting: value}))
        self.share_menu = ShareMenu(self, named, lambda shape, suffix: self.sharing.share_clip(shape, suffix))
        self.panel: Panel = Panel(source_menu=self.source_menu, more_menu=self.more_menu, share_menu=self.share_menu)
        self.job_bar = JobBar()
        self.picture_bar = PictureBar()
        self._lay_out()
        self.source: SourceFlow = SourceFlow(
            host=host,
            preview=self.preview,
            panel=self.panel,
            menu=self.source_menu,
            status_line=self.status_line,
            transport=self.transport,
            banner=self.banner,
            notifications=self.notifications,
            settings=lambda: self._settings,
        )
        self.capture = CaptureFlow(
            host=host,
            panel=self.panel,
            notifications=self.notifications,
            folder=self._output_folder,
        )
        self.choosing: ChoosingFlow = ChoosingFlow(
            window=self,
            store=store,
            menu=self.source_menu,
            notifications=self.notifications,
            open_source=self.open_source,
            last_tried=lambda: self.source.wanted,
        )
        self.pictures: PictureFlow = PictureFlow(host=host, source=self.source, bar=self.picture_bar, actions=named)
        self.sharing: SharingFlow = SharingFlow(
            window=self,
            host=host,
            preview=self.preview,
            bar=self.job_bar,
            notifications=self.notifications,
            folder=self._output_folder,
            source=lambda: self.source.file,
            settings=lambda: as_applied(self._settings, self._restorers),
        )
        self.sound = SoundFlow(
            host=host,
            panel=self.panel,
            transport=self.transport,
            source=self.source,
            settings=lambda: self._settings,
            change=self.change,
        )
        self.live_state: LiveStateFlow = LiveStateFlow(
            host=host,
            source=self.source,
            capture=self.capture,
            preview=self.preview,
            panel=self.panel,
            status_line=self.status_line,
            settings=lambda: self._settings,
            add_plot=self._bars_column.addWidget,
        )
        self.offer = OfferFlow(
            host=host,
            store=store,
            source=self.source,
            capture=self.capture,
            notifications=self.notifications,
            settings=lambda: self._settings,
            choose=self.choose_restorer,
        )
        self.faces: FaceFlow = FaceFlow(host=host, preview=self.preview)
        self.reset: ResetFlow = ResetFlow(
            notifications=self.notifications,
            undo_action=named["undo_reset"],
            settings=lambda: self._settings,
            change=self.change,
        )
        self.help: HelpFlow = HelpFlow(
            window=self,
            host=host,
            source=self.source,
            notifications=self.notifications,
            reporter=reporter,
            version=version,
            settings=lambda: self._settings,
            overlay=lambda: self.live_state.overlay,
        )
        self._connect()
        self._show_settings(settings, set())
        geometry = store.geometry()
        if geometry is None or not self.restoreGeometry(geometry):
            room = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(*first_size(room.width(), room.height()))
        self.preview.setFocus()
        QTimer.singleShot(0, self, lambda: self._start(open_at_start))

    # Building

    def _lay_out(self) -> None:
        self._bars = QWidget()
        self._bars_column = QVBoxLayout(self._bars)
        self._bars_column.setContentsMargins(0, 0, 0, 0)
        self._bars_column.setSpacing(0)
        for bar in (self.transport, self.picture_bar, self.job_bar):
            self._bars_column.addWidget(bar)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.preview, 1)
        left.addWidget(self._bars)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addLayout(left, 1)
        upper.addWidget(self.panel)
        whole = QVBoxLayout()
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(upper, 1)
        whole.addWidget(self.status_line)
        body = QWidget()
        body.setLayout(whole)
        self.setCentralWidget(body)

    def _connect(self) -> None:
        self.panel.bindings.changed.connect(self._on_control)
        self.panel.quality_chosen.connect(lambda key: self.change(**changes_for(key, self._settings)))
        self.panel.restorer_chosen.connect(self.choose_restorer)
        self.panel.outputs.attach(self._host)
        self.panel.shortcuts_button.clicked.connect(self.help.show_shortcuts)
        self.preview.split_changed.connect(lambda split: self.change(split=split))
        self.preview.sources_dropped.connect(self.choosing.dropped)
        self.preview.action_pressed.connect(lambda name: self.actions_by_name[name].trigger())
        self.preview.painted.connect(self._host.painted)
        self.preview.shown_size_changed.connect(self._host.show_at)
        self.preview.full_screen_toggled.connect(self.toggle_full_screen)
        self.source_menu.camera_chosen.connect(lambda name: self.open_source(f"camera:{name}"))
        self.source.failed.connect(self._reporter.report)
        self.source.opened.connect(self._on_opened)
        self.source.changed.connect(self._show_mirror)
        self.panel.menu_opened.connect(lambda: self.preview.set_hold_original(False))  # it hears that O is let go
        self._host.frame_ready.connect(self._on_frame)
        self._host.ready.connect(self._on_ready)
        self._host.engines_listed.connect(self.panel.show_engines)
        self._host.failed.connect(self._reporter.report)
        self._host.noticed.connect(self.status_line.show_notice)
        self._host.warned.connect(self.notifications.error)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_theme)
        self._save_timer = _single_shot(self, _SAVE_MS, lambda: self._store.save(self._settings))
        self._reopen_timer = _single_shot(self, _REOPEN_MS, self.source.reopen_camera)

    # Settings

    @property
    def settings(self) -> Settings:
        return self._settings

    def change(self, **changes: Any) -> None:
        """Set one or more settings; everything that depends on them follows with the next frame."""
        changes = self.capture.allowed(changes, self._settings)
        before, self._settings = self._settings, self._settings.replace(**changes)
        changed = {name for name in changes if getattr(before, name) != changes[name]}
        if changed:
            self._show_settings(self._settings, changed)
            self._host.update(self._settings)
            self._save_timer.start()

    def choose_restorer(self, name: str) -> None:
        """Change to another network, with the number of cycles that it is made for."""
        self.change(**fitting(self._settings.replace(restorer=name), self._restorers, before=self._settings))

    def _show_settings(self, settings: Settings, changed: set[str]) -> None:
        if not changed or "theme" in changed:
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            apply_theme(application, settings.theme)
        if "language" in changed:
            speak(settings.language)
        self.more_menu.show_settings(settings)
        self.panel.show_settings(settings)
        self.preview.set_view(settings.view)
        self.preview.set_split(settings.split)
        self.preview.set_show_faces(settings.show_faces)
        self.live_state.refresh(settings)
        self._show_mirror()
        self.sound.refresh()
        reopens = any(specification(name).effect == "source" for name in changed)
        if reopens or (settings.mirror_recording and "mirror" in changed):
            self._reopen_timer.start()

    def _show_mirror(self) -> None:
        """Only the view of one's own camera is mirrored here; a mirrored recording comes mirrored from the camera."""
        is_camera = self.source.info is not None and self.source.info.kind.device
        self.preview.set_mirror(is_camera and self._settings.mirror and not self._settings.mirror_recording)

    def toggle(self, name: str) -> None:
        """Switch a setting on or off."""
        self.change(**{name: not getattr(self._settings, name)})

    def toggle_auto(self) -> None:
        """Switch Auto on as its button does, or off."""
        self.change(**({"auto_k": False} if self._settings.auto_k else changes_for("auto", self._settings)))

    def next_view(self) -> None:
        """Show the next view of the settings table."""
        views = list(specification("view").choices)
        self.change(view=views[(views.index(self._settings.view) + 1) % len(views)])

    def toggle_panel(self) -> None:
        """Hide or show the panel; what is done to it in full screen lasts as long as that."""
        self.panel.setVisible(self.panel.isHidden())
        if not self.isFullScreen():
            self._panel_wanted = not self.panel.isHidden()

    def step_strength(self, step: int) -> None:
        """Change the strength by `step` per cent, within its limits."""
        self.change(strength=min(max(self._settings.strength + step, 0), 100))

    def _on_system_theme(self) -> None:
        if self._settings.theme == "system":
            self._show_settings(self._settings, {"theme"})

    # Source

    def open_source(self, text: str, *, remember: bool = True) -> None:
        """Open a camera ("camera:NAME", empty for the first), a file, a folder or a stream's address.

        Next time the window opens on it again, if it could be opened and is to be remembered.
        """
        self.source.open(text, remember=remember)

    def open_demo(self) -> None:
        """Play the demo clip, without remembering it as the source."""
        self.open_source(str(DEMO_CLIP), remember=False)

    def _start(self, open_at_start: str | None) -> None:
        self._host.load(self._settings)
        self.source.open(self._settings.source if open_at_start is None else open_at_start)
        self.source.look_for_cameras()
        self.capture.tell_of_earlier(*self._store.take_unseen())

    def _on_opened(self, text: str) -> None:
        self.choosing.note(text)
        self.change(source=text)

    # Output

    def _output_folder(self) -> Path:
        return Path(self._settings.output_folder) if self._settings.output_folder else default_folder()

    def open_output_folder(self) -> None:
        """Show the folder for recordings in the file manager; it is made if there was no recording yet."""
        folder = self._output_folder()
        try:
            make_private_folder(folder)
        except OSError as error:
            self._reporter.report(output_error(folder, error))
            return
        open_folder(folder)

    def ask_for_output_folder(self) -> None:
        """Let the person choose the folder for recordings and snapshots."""
        path = QFileDialog.getExistingDirectory(
            self, tr("Folder for recordings and snapshots"), str(self._output_folder())
        )
        if path:
            self.change(output_folder=path)

    # Events of the session

    def _on_ready(self, restorers: tuple[ShippedRestorer, ...]) -> None:
        self._restorers = restorers
        self.change(**fitting(self._settings, restorers))
        self._host.update(self._settings)  # what was changed while the session was being made
        self.panel.show_restorers(restorers, self._settings)

    def _on_frame(self) -> None:
        restored = self._host.take()
        if restored is None or self.source.is_stale(restored.frame.t_capture):
            return
        self.preview.show_frame(restored)
        self.panel.set_ready(True)
        self.panel.cycles.show_steps(restored.faces[0].steps if restored.faces else ())
        self._show_hints()
        self.source.follow(restored.frame.place_s)
        self.pictures.follow(restored.frame.place_s)

    def _on_control(self, name: str, value: object) -> None:
        # Whoever moves the slider of k wants that number of cycles.
        self.change(**{name: value}, **({"auto_k": False} if name == "k" else {}))

    # Application

    def _show_hints(self) -> None:
        if self.hints is None and not self._store.hints_were_seen():
            self.hints = first_hints(self, on_done=self._store.save_hints_seen)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or leave it."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if not self.faces.restore_all() and self.isFullScreen():
                self.toggle_full_screen()
        elif is_hold_key(event) and event.modifiers() in _PLAIN:
            self.preview.set_hold_original(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if is_hold_key(event) and not event.isAutoRepeat():
            self.preview.set_hold_original(False)
        else:
            super().keyReleaseEvent(event)

    def _show_bars(self) -> None:
        """Full screen is the picture alone."""
        full = self.isFullScreen()
        self.panel.setVisible(self._panel_wanted and not full)
        self._bars.setVisible(not full)
        self.status_line.setVisible(not full)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.WindowStateChange:
            self._show_bars()
        if event.type() == QEvent.Type.LanguageChange:
            self.sound.refresh()
            self.live_state.tick()
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.preview.set_hold_original(False)
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Finish a recording that is being made, remember the settings, let go of the source.

        Not if files are being restored and are to be finished first.
        """
        if not self._closed and not self.sharing.may_stop():
            event.ignore()
            return
        if not self._closed:
            self._closed = True
            self.live_state.stop()
            self.offer.stop()
            self._reopen_timer.stop()
            self._save_timer.stop()
            self._store.save(self._settings)
            self._store.save_geometry(self.saveGeometry())
            self._store.flush()
            self.hide()
            self._store.save_unseen(*self._host.close())
        event.accept()


def _single_shot(parent: QWidget, interval_ms: int, action: Any) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(interval_ms)
    timer.timeout.connect(action)
    return timer
