"""The panel at the right: source, quality, view, the folded advanced section, and the recording card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QScrollArea, QVBoxLayout, QWidget

from app.core.settings import Settings, specification
from app.core.words import Phrase, Words, phrase, tr
from app.ui.actions import keys_of
from app.ui.panel.bindings import Bindings, titled
from app.ui.panel.cycles import CyclesControl
from app.ui.panel.outputs import OutputsSection
from app.ui.panel.sound_row import SOUND_WIDTH, SoundRow
from app.ui.style.buttons import IconButton, LabelledButton, SectionButton, SourceButton
from app.ui.style.formatting import duration, file_size
from app.ui.style.icons import application_icon
from app.ui.style.translated import keep_said
from app.ui.style.widgets import Choice, Segmented, label
from app.ui.texts.quality import QUALITIES, quality_of, quality_sentence

if TYPE_CHECKING:
    from app.restorers.store import ShippedRestorer

PANEL_WIDTH = 312

_SENTENCE_LINES = 3
"""Height reserved under the quality, so that nothing moves when its sentence changes."""

_VIEW_TIPS = {
    "split": phrase("Split: drag the divider"),
    "side-by-side": phrase("Side by side"),
    "restored": phrase("Restored only"),
    "original": phrase("Original only"),
}


LOCKED = ("record_mode", "output_scale", "mirror_recording")
"""Settings that a running recording forbids to change."""


class Panel(QFrame):
    """All the controls. Settings go through `bindings`, everything else is a signal."""

    record_clicked = Signal()
    snapshot_clicked = Signal()
    restorer_chosen = Signal(str)
    quality_chosen = Signal(object)
    menu_opened = Signal()

    def __init__(self, *, source_menu: QMenu, more_menu: QMenu, share_menu: QMenu) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(PANEL_WIDTH)
        self.bindings = Bindings()
        self._source_tip: Words = ""
        self.source = SourceButton()
        self.source.setMenu(source_menu)
        self.source.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for menu in (source_menu, more_menu, share_menu):
            menu.aboutToShow.connect(self.menu_opened)
        self.set_source_tip(phrase("Choose a camera, a file, a folder or a stream; or drop one on the picture"))
        keep_said(self.source, lambda: self.set_source_tip(self._source_tip))
        self.shortcuts_button = IconButton("keyboard", _tip(phrase("Keyboard shortcuts"), "shortcuts"))
        self.more_button = IconButton("more", phrase("More"))
        self.more_button.setMenu(more_menu)
        self.more_button.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        self.share = IconButton("share", phrase("Share: clips, pictures, whole files"), size=40, boxed=True)
        self.share.setMenu(share_menu)
        self.share.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        self.share.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.outputs = OutputsSection(self.bindings)
        self._camera_rows: list[QWidget] = []
        self._recording = self._ready = False
        self._record_words: Words = phrase("Record")
        self._installed: tuple[ShippedRestorer, ...] = ()

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header())
        column.addWidget(self._scrolling(), 1)
        column.addWidget(self._record_card())
        for choice in self.findChildren(Choice):
            choice.opened.connect(self.menu_opened)

    # Building

    def _header(self) -> QWidget:
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(18, 10, 10, 6)
        line.setSpacing(2)
        mark = QLabel()
        mark.setPixmap(application_icon().pixmap(22, 22))
        line.addWidget(mark)
        line.addSpacing(6)
        line.addWidget(label("CFRNet Live", "title"))
        line.addStretch(1)
        line.addWidget(self.shortcuts_button)
        line.addWidget(self.more_button)
        return holder

    def _scrolling(self) -> QWidget:
        body = QWidget()
        body.setObjectName("panelBody")
        column = QVBoxLayout(body)
        column.setSpacing(8)
        self._source_group(column)
        column.addSpacing(6)
        self._restoration_group(column)
        column.addSpacing(6)
        self._view_group(column)
        column.addSpacing(4)
        self._advanced_group(column)
        column.addStretch(1)
        area = QScrollArea()
        area.setObjectName("panelScroll")
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(body)
        bar = area.verticalScrollBar()

        def keep_aligned(_low: int, high: int) -> None:
            column.setContentsMargins(18, 4, 18 - (bar.sizeHint().width() if high else 0), 18)

        bar.rangeChanged.connect(keep_aligned)
        keep_aligned(0, 0)
        self.scroll_area = area
        return area

    def _source_group(self, column: QVBoxLayout) -> None:
        column.addWidget(label(phrase("Source"), "section"))
        column.addWidget(self.source)
        self._camera_rows = [
            self.bindings.choice("camera_size"),
            self.bindings.stepper("camera_fps", step=5),
            self.bindings.switch("mirror"),
            self.bindings.switch("mirror_recording"),
        ]
        column.addWidget(self.bindings.switch("degrade"))
        self._bad_slider = self.bindings.slider("degrade_strength")
        self._bad_slider.hide()
        column.addWidget(self._bad_slider)

    def _restoration_group(self, column: QVBoxLayout) -> None:
        column.addWidget(label(phrase("Quality"), "section"))
        entries = tuple((key, text, tip, "") for key, text, tip in QUALITIES)
        self.quality = Segmented(entries, words=phrase("Quality"))
        self.quality.chosen.connect(self.quality_chosen)
        column.addWidget(self.quality)
        self.auto_state = label("", "muted")
        self.auto_state.setWordWrap(True)
        self.auto_state.setAlignment(Qt.AlignmentFlag.AlignTop)
        keep_said(self.auto_state, self._make_room_for_sentence)
        column.addWidget(self.auto_state)
        column.addWidget(self.bindings.slider("strength"))

    def _view_group(self, column: QVBoxLayout) -> None:
        column.addWidget(label(phrase("View"), "section"))
        views = tuple((view, text, _VIEW_TIPS[view], view) for view, text in specification("view").choices.items())
        self.views = self.bindings.segmented("view", views, tall=True)
        column.addWidget(self.views)

    def _advanced_group(self, column: QVBoxLayout) -> None:
        self._advanced_toggle = SectionButton(phrase("Advanced"), phrase("Advanced settings"))
        keep_said(
            self._advanced_toggle,
            lambda: self._advanced_toggle.setToolTip(
                tr("Show or hide everything else: camera, cycles, outputs, engine")
            ),
        )
        column.addWidget(self._advanced_toggle)
        self._advanced_body = QWidget()
        inner = QVBoxLayout(self._advanced_body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        for widget in self._camera_rows:
            inner.addWidget(widget)
        self.cycles = CyclesControl()
        self.cycles.chosen.connect(lambda k: self.bindings.changed.emit("k", k))
        inner.addWidget(self.cycles)
        inner.addWidget(self.bindings.slider("steady"))
        inner.addWidget(self.bindings.stepper("max_faces", special=phrase("All")))
        for name in ("show_faces", "show_overlay", "show_plot", "output_captions"):
            inner.addWidget(self.bindings.switch(name))
        inner.addWidget(self.bindings.choice("output_scale"))
        inner.addSpacing(6)
        inner.addWidget(self.outputs)
        inner.addSpacing(6)
        inner.addWidget(label(phrase("Engine"), "section"))
        self._restorers = Choice()
        keep_said(self._restorers, self._say_restorers)
        self._restorers.setFixedWidth(148)
        self._restorers.activated.connect(lambda _: self.restorer_chosen.emit(self._restorers.currentData()))
        inner.addWidget(titled(phrase("Restorer"), self._restorers))
        self._comparable = Choice()
        self._comparable.setObjectName("compare_with")
        keep_said(self._comparable, self._say_comparable)
        self._comparable.setFixedWidth(148)
        self._comparable.activated.connect(
            lambda _: self.bindings.changed.emit("compare_with", self._comparable.currentData())
        )
        self._comparison = titled(specification("compare_with").label, self._comparable)
        self._comparison.hide()
        inner.addWidget(self._comparison)
        inner.addWidget(self.bindings.choice("precision"))
        inner.addWidget(self.bindings.choice("provider"))
        inner.addWidget(self.bindings.stepper("threads", special=phrase("Auto")))
        inner.addWidget(self.bindings.switch("spinning"))
        inner.addWidget(self.bindings.stepper("target_fps", step=5))
        inner.addWidget(self.bindings.slider("stop_threshold", steps=50))
        inner.addWidget(self.bindings.stepper("detect_size", step=32))
        self._engine_truth = label("", "muted")
        self._engine_truth.setWordWrap(True)
        inner.addWidget(self._engine_truth)
        self._advanced_body.hide()
        column.addWidget(self._advanced_body)
        self._advanced_toggle.toggled.connect(self._show_advanced)

    def _show_advanced(self, shown: bool) -> None:
        self._advanced_body.setVisible(shown)
        if shown:  # scroll to it once the layout knows its height
            QTimer.singleShot(0, self, self._scroll_to_advanced)

    def _scroll_to_advanced(self) -> None:
        self.scroll_area.verticalScrollBar().setValue(self._advanced_toggle.y())

    def _record_card(self) -> QWidget:
        card = QFrame()
        card.setObjectName("recordCard")
        column = QVBoxLayout(card)
        column.setContentsMargins(18, 12, 18, 14)
        column.setSpacing(8)
        column.addWidget(self.bindings.choice("record_mode", width=SOUND_WIDTH))
        self.sound = SoundRow()
        column.addWidget(self.sound)
        line = QHBoxLayout()
        line.setSpacing(8)
        self.record: LabelledButton = LabelledButton(self._record_words, "record", kind="record")
        keep_said(self.record, self._say_record)
        self.record.clicked.connect(self.record_clicked)
        self.record.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the space bar to the picture
        self.snapshot: IconButton = IconButton(
            "snapshot", _tip(phrase("Snapshot: saves before and after"), "snapshot"), size=40, boxed=True
        )
        self.snapshot.clicked.connect(self.snapshot_clicked)
        self.snapshot.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        line.addWidget(self.record, 1)
        line.addWidget(self.snapshot)
        line.addWidget(self.share)
        column.addLayout(line)
        return card

    # What is shown

    def show_settings(self, settings: Settings) -> None:
        """Set every control to these values."""
        self.bindings.show_settings(settings)
        self.cycles.show_k(settings.k)
        self._show_restorer(settings)
        self.quality.set_value(quality_of(settings))
        self._bad_slider.setVisible(settings.degrade)

    def show_restorers(self, restorers: Sequence[ShippedRestorer], settings: Settings) -> None:
        """The restorers that are installed, the default one first."""
        self._installed = tuple(restorers)
        with QSignalBlocker(self._restorers):
            self._restorers.clear()
            for restorer in restorers:
                self._restorers.addItem(restorer.name, restorer.name)
        self._say_restorers()
        self._show_restorer(settings)
        self.bindings.show_settings(settings)

    def _say_restorers(self) -> None:
        self._restorers.setAccessibleName(tr("Restorer"))
        self._restorers.setToolTip(tr("The network that restores faces"))
        for place, restorer in enumerate(self._installed):
            family = restorer.family
            tip = f"{family.title}, {family.paper}. {family.weakness}".strip()
            self._restorers.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)

    def _say_comparable(self) -> None:
        row = specification("compare_with")
        self._comparable.setAccessibleName(str(row.label))
        self._comparable.setToolTip(str(row.help))
        self._comparable.setItemText(0, tr("Original"))

    def set_source_tip(self, words: Words) -> None:
        """Show this tooltip on the source's name."""
        self._source_tip = words
        self.source.setToolTip(str(words))

    def _show_restorer(self, settings: Settings) -> None:
        """Offer what the restorer that is set, or the default one, can do, and what it can be compared with."""
        name = settings.restorer
        chosen = next((each for each in self._installed if each.name == name or not name), None)
        if chosen is None:
            return
        others = [each.name for each in self._installed if each is not chosen]
        with QSignalBlocker(self._comparable):
            self._comparable.clear()
            self._comparable.addItem(tr("Original"), "")
            for other in others:
                self._comparable.addItem(other, other)
            self._comparable.setCurrentIndex(max(self._comparable.findData(settings.compare_with), 0))
        self._comparison.setVisible(bool(others))
        with QSignalBlocker(self._restorers):
            self._restorers.setCurrentIndex(self._installed.index(chosen))
        self.cycles.show_restorer(chosen)
        has_choice = chosen.family.fixed_point and chosen.k_range[0] < chosen.k_range[1]
        self.quality.setVisible(has_choice)
        self.auto_state.setVisible(has_choice)
        self.bindings.offer("precision", ("auto", *chosen.precisions))

    def show_camera_controls(self, shown: bool) -> None:
        """Show resolution, rate and mirror, which apply to cameras only."""
        for widget in self._camera_rows:
            widget.setVisible(shown)

    def show_quality(self, settings: Settings, *, running_k: int, reason: Words) -> None:
        """The sentence under the quality, and with Auto the cycles in use on the slider of k."""
        words = quality_sentence(settings, running_k=running_k, reason=reason)
        self.auto_state.say(str(words).replace(" ms", "\u00a0ms"))
        self.auto_state.setToolTip(self.auto_state.text())
        if settings.auto_k and running_k:
            self.cycles.show_k(running_k)

    def _make_room_for_sentence(self) -> None:
        lines = "\n".join([tr("Fast")] * _SENTENCE_LINES)  # Chinese and Japanese lines are higher
        room = self.auto_state.fontMetrics().boundingRect(QRect(0, 0, PANEL_WIDTH, PANEL_WIDTH), 0, lines)
        self.auto_state.setFixedHeight(room.height())

    def show_engine_truth(self, words: Words) -> None:
        self._engine_truth.say(words)

    def show_recording(self, *, active: bool, seconds: float = 0.0, size: int = 0) -> None:
        """The record button while a recording is made: its length and the file's size."""
        self._recording = active
        self.record.setEnabled(active or self._ready)
        if active:
            self.record.set_look(icon="stop", kind="recording")
            self.record.set_words(phrase("Stop  {duration}  {size}", duration=duration(seconds), size=file_size(size)))
        else:
            self.record.set_look(icon="record", kind="record")
            self.record.set_words(self._record_words)
        for name in LOCKED:
            self.bindings.set_enabled(name, not active)
        self.sound.show_recording(active)
        self.share.setVisible(not active)  # the length and the size of the recording need its room
        self._say_record()

    def _say_record(self) -> None:
        words = phrase("Stop recording") if self._recording else phrase("Record a video")
        self.record.setToolTip(str(_tip(words, "record")))
        self.record.setAccessibleName(str(words))

    def show_record_words(self, words: Words) -> None:
        """The words on the record button while nothing is recorded."""
        self._record_words = words
        if not self._recording:
            self.record.set_words(words)

    def show_engines(self, names: Sequence[str]) -> None:
        """Offer only the engines that this machine has, and the one that is set."""
        choice = self.findChild(Choice, "provider")
        assert choice is not None
        for place in reversed(range(choice.count())):
            if choice.itemData(place) not in names and place != choice.currentIndex():
                choice.removeItem(place)

    def set_ready(self, ready: bool) -> None:
        """Enable recording and snapshots once there is a picture."""
        self._ready = ready
        self.record.setEnabled(ready or self._recording)
        self.snapshot.setEnabled(ready)

    def open_advanced(self) -> None:
        """Unfold the advanced section."""
        self._advanced_toggle.setChecked(True)


def _tip(words: Phrase, action: str) -> Phrase:
    return phrase("{words}  ({keys})", words=words, keys=" / ".join(keys_of(action)))
