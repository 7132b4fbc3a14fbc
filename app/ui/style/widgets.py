"""Small custom widgets, drawn from the theme, usable with the keyboard and a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.core.words import Words, phrase
from app.ui.style import icons
from app.ui.style.buttons import IconButton
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said

SEGMENT_MARGIN = 10
"""Pixels beside the words of a segment; with fewer Qt leaves out their middle."""

_INSET = 9.0
"""Of a slider's handle at either end."""


class Label(QLabel):
    """Words in one of the style sheet's roles: title, section (in capitals), muted, value, alarm, message or plain."""

    def __init__(self, words: Words = "", role: str = "") -> None:
        super().__init__()
        self.setProperty("role", role)
        self._words = words
        keep_said(self, lambda: self.say(self._words))

    def say(self, words: Words) -> None:
        """Show other words."""
        self._words = words
        text = str(words)
        self.setText(text.upper() if self.property("role") == "section" else text)


def label(words: Words, role: str = "") -> Label:
    """Make a label in one of the roles of `Label`."""
    return Label(words, role)


class ElidedLabel(Label):
    """A line of text that is elided at its end; the tooltip has all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)
        painter.end()
        self.setToolTip(self.text() if shown != self.text() else "")


def announce(widget: QWidget, words: Words) -> None:
    """Have a screen reader say the words, which appear without getting the focus."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, str(words)))


class Choice(QComboBox):
    """A drop-down with a chevron; it ignores the wheel, so scrolling the panel changes nothing.

    Letters are keys of the window, such as the one that is held for the original; only its open list is searched.
    """

    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text().strip() and event.text().isprintable():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        picture = icons.pixmap("chevron-down", colour("muted").name(), 16, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(self.width() - 24, (self.height() - 16) / 2), picture)
        painter.end()


class Switch(QCheckBox):
    """An on-off switch; its words are drawn by the row that holds it."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        keep_said(self, lambda: self.setAccessibleName(str(words)))
        self.setFixedSize(36, 24)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def hitButton(self, position: object) -> bool:
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, 2, 36, 20)
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accent" if on else "hover", 1.0 if self.isEnabled() else 0.5))
        painter.drawRoundedRect(track, 10, 10)
        painter.setBrush(colour("on_accent" if on else "muted"))
        painter.drawEllipse(QPointF(track.right() - 10 if on else track.left() + 10, track.center().y()), 7, 7)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent" if not on else "text"), 1.5))
            painter.drawRoundedRect(track.adjusted(1, 1, -1, -1), 9, 9)
        painter.end()


class Slider(QSlider):
    """A horizontal slider: press anywhere to jump there and drag on; few steps get a tick each."""

    def __init__(self, words: Words, *, low: int, high: int) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        keep_said(self, lambda: self.setAccessibleName(str(words)))
        self.setRange(low, high)
        self.setFixedHeight(24)
        self.setPageStep(max((high - low) // 10, 1))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._jump(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._jump(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def _jump(self, x: float) -> None:
        part = (x - _INSET) / max(self.width() - 2 * _INSET, 1)
        self.setValue(round(self.minimum() + part * (self.maximum() - self.minimum())))

    def _place(self, value: int) -> float:
        part = (value - self.minimum()) / max(self.maximum() - self.minimum(), 1)
        return _INSET + part * (self.width() - 2 * _INSET)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, place = self.height() / 2, self._place(self.value())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("hover"))
        painter.drawRoundedRect(QRectF(0, middle - 2, self.width(), 4), 2, 2)
        active = colour("accent" if self.isEnabled() else "muted")
        painter.setBrush(active)
        painter.drawRoundedRect(QRectF(0, middle - 2, place, 4), 2, 2)
        if self.maximum() - self.minimum() <= 8:
            for value in range(self.minimum(), self.maximum() + 1):
                painter.setBrush(active if value <= self.value() else colour("muted"))
                painter.drawEllipse(QPointF(self._place(value), middle), 3.5, 3.5)
        painter.setPen(QPen(active, 2.5))
        painter.setBrush(colour("panel"))
        painter.drawEllipse(QPointF(place, middle), 6.5, 6.5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("text"), 1.2))
            painter.drawEllipse(QPointF(place, middle), 8.6, 8.6)
        painter.end()


class _Segment(QToolButton):
    """A button that gives up its margins where the words of a language need the room."""

    def minimumSizeHint(self) -> QSize:
        bold = QFont(self.font())  # as it is written while it is chosen
        bold.setWeight(QFont.Weight.DemiBold)
        words = QFontMetrics(bold).horizontalAdvance(self.text())
        return QSize(words + SEGMENT_MARGIN, super().minimumSizeHint().height())


class Segmented(QFrame):
    """A row of exclusive buttons. `chosen` carries the key; no key is checked when the value is none of them."""

    chosen = Signal(object)

    def __init__(
        self, entries: Sequence[tuple[object, Words, Words, str]], *, words: Words, tall: bool = False
    ) -> None:
        """`entries` are (key, text, tooltip, icon name or "")."""
        super().__init__()
        self.setObjectName("segmented")
        keep_said(self, lambda: self.setAccessibleName(str(words)))
        self._buttons: dict[object, QToolButton] = {}
        self._icons: dict[object, str] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        for key, text, tip, icon in entries:
            button = _Segment()
            keep_said(button, partial(_say_button, button, text, tip))
            button.setCheckable(True)
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.installEventFilter(self)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setProperty("tall", tall)
            button.setFixedHeight(50 if tall else 32)
            if icon:
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
                button.setIconSize(QSize(20, 20))
            button.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            button.toggled.connect(self._tint)
            self._buttons[key], self._icons[key] = button, icon
            self._group.addButton(button)
            row.addWidget(button, 1)
        self._tint()

    def button(self, key: object) -> QToolButton:
        return self._buttons[key]

    def value(self) -> object:
        return next((key for key, button in self._buttons.items() if button.isChecked()), None)

    def set_value(self, value: object) -> None:
        if value in self._buttons:
            self._buttons[value].setChecked(True)
            return
        self._group.setExclusive(False)
        for button in self._buttons.values():
            button.setChecked(False)
        self._group.setExclusive(True)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._tint()
        super().changeEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in steps:
            buttons = list(self._buttons.values())
            place = next(index for index, button in enumerate(buttons) if button is watched)
            following = buttons[(place + steps[Qt.Key(event.key())]) % len(buttons)]
            following.setFocus(Qt.FocusReason.TabFocusReason)
            following.click()
            return True
        return False

    def _tint(self) -> None:
        # Tab enters the row at the button that is chosen, the arrow keys go on from there; a click leaves the space bar
        # to the picture.
        chosen = next((button for button in self._buttons.values() if button.isChecked()), None)
        entry = chosen or next(iter(self._buttons.values()), None)
        for button in self._buttons.values():
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus if button is entry else Qt.FocusPolicy.NoFocus)
        for key, button in self._buttons.items():
            if self._icons[key]:
                tint = colour("on_accent" if button.isChecked() else "muted").name()
                button.setIcon(icons.icon(self._icons[key], tint, 20))


class Stepper(QFrame):
    """A number between a minus and a plus; `special` is shown in place of the lowest value."""

    changed = Signal(int)

    def __init__(
        self, words: Words, *, low: int, high: int, step: int = 1, special: Words = "", unit: Words = ""
    ) -> None:
        super().__init__()
        self.setObjectName("stepper")
        self.setFixedHeight(32)
        self.spin = QSpinBox()
        self.spin.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.spin.setRange(low, high)
        self.spin.setSingleStep(step)
        keep_said(self.spin, lambda: self.spin.setSpecialValueText(str(special)))
        keep_said(self.spin, lambda: self.spin.setSuffix(f" {unit}" if unit else ""))
        keep_said(self.spin, lambda: self.spin.setAccessibleName(str(words)))
        self.spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.spin.setKeyboardTracking(False)
        self.spin.setFixedWidth(66)
        self.spin.installEventFilter(self)
        less = IconButton("minus", phrase("{setting}: less", setting=words), size=28)
        more = IconButton("plus", phrase("{setting}: more", setting=words), size=28)
        for button, action in ((less, self.spin.stepDown), (more, self.spin.stepUp)):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setAutoRepeat(True)
            button.clicked.connect(action)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(0)
        for widget in (less, self.spin, more):
            row.addWidget(widget)
        self.spin.valueChanged.connect(self.changed)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self.spin.clearFocus()
        return False

    def set_range(self, low: int, high: int) -> None:
        self.spin.blockSignals(True)
        self.spin.setRange(low, high)
        self.spin.blockSignals(False)

    def set_value(self, value: int) -> None:
        self.spin.blockSignals(True)
        self.spin.setValue(value)
        self.spin.blockSignals(False)


def _say_button(button: QToolButton, text: Words, tip: Words) -> None:
    button.setText(str(text))
    button.setToolTip(str(tip))
    button.setAccessibleName(str(tip or text))


def _say_tip(widget: QWidget, tip: Words) -> None:
    widget.setToolTip(str(tip))


def row(text: Words, *widgets: QWidget, tip: Words = "", buddy: QWidget | None = None) -> QWidget:
    """A line of the panel: the words at the left, the control at the right."""
    holder = QWidget()
    line = QHBoxLayout(holder)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(8)
    words = label(text)
    keep_said(words, lambda: words.setToolTip(str(tip)))
    if buddy is not None:
        words.setBuddy(buddy)
    line.addWidget(words)
    line.addStretch(1)
    for widget in widgets:
        if tip and not widget.toolTip():
            keep_said(widget, partial(_say_tip, widget, tip))
        line.addWidget(widget)
    if widgets and isinstance(widgets[-1], QAbstractButton):
        words.mousePressEvent = lambda _event: widgets[-1].click()  # type: ignore[attr-defined,method-assign]
    return holder
