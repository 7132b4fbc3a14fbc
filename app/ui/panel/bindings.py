"""Controls made from the settings table: each shows a setting and reports when a person changes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import SettingError
from app.core.setting import Setting
from app.core.settings import Settings, specification
from app.core.words import Phrase, Words, number, tr
from app.ui.style.translated import keep_said
from app.ui.style.widgets import Choice, Segmented, Slider, Stepper, Switch, announce, label, row


class Bindings(QObject):
    """Makes the controls. `changed` carries a setting's name and its new value, only when a person changed it."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._show: dict[str, list[Callable[[Any], None]]] = {}
        self._widgets: dict[str, list[QWidget]] = {}
        self._choices: dict[str, Choice] = {}

    def show_settings(self, settings: Settings) -> None:
        """Set every control to these values without reporting a change."""
        for name, setters in self._show.items():
            for setter in setters:
                setter(getattr(settings, name))

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Enable or disable the controls of a setting."""
        for widget in self._widgets.get(name, ()):
            widget.setEnabled(enabled)

    def switch(self, name: str) -> QWidget:
        """A row with an on-off switch."""
        words, tip = _words(name)
        control = Switch(words)

        def show(value: bool) -> None:
            with QSignalBlocker(control):
                control.setChecked(value)
            control.update()

        control.toggled.connect(lambda value: self.changed.emit(name, value))
        self._add(name, show, control)
        return row(words, control, tip=tip)

    def slider(self, name: str, *, steps: int = 0) -> QWidget:
        """Words, value and a slider below; `steps` turns a setting of real numbers into that many positions."""
        spec = specification(name)
        words, tip = _words(name)
        low, high = spec.low or 0.0, spec.high or 0.0
        scale = steps / (high - low) if steps else 1.0
        control = Slider(words, low=round(low * scale), high=round(high * scale))
        keep_said(control, lambda: control.setToolTip(str(tip)))
        control.setObjectName(name)
        shown = label("", "value")
        convert: Callable[[int], Any] = (lambda position: position / scale) if steps else int

        def say(value: float) -> None:
            shown.say(_value_text(value, spec))

        keep_said(shown, lambda: say(convert(control.value())))

        def show(value: float) -> None:
            with QSignalBlocker(control):
                control.setValue(round(value * scale))
            control.update()
            say(value)

        def tell(position: int) -> None:
            say(convert(position))
            self.changed.emit(name, convert(position))

        control.valueChanged.connect(tell)
        self._add(name, show, control)
        return _stacked(row(words, shown, tip=tip, buddy=control), control)

    def stepper(self, name: str, *, special: Words = "", step: int = 1) -> QWidget:
        """A row with a number between minus and plus."""
        spec = specification(name)
        words, tip = _words(name)
        low, high = int(spec.low or 0), int(spec.high or 0)
        control = Stepper(words, low=low, high=high, step=step, special=special, unit=spec.unit)
        keep_said(control.spin, lambda: control.spin.setToolTip(str(tip)))
        control.changed.connect(lambda value: self.changed.emit(name, value))
        self._add(name, control.set_value, control)
        return row(words, control, tip=tip, buddy=control.spin)

    def choice(self, name: str, *, width: int = 148) -> QWidget:
        """A row with a drop-down of the setting's choices."""
        words, tip = _words(name)
        control = Choice()
        control.setObjectName(name)
        keep_said(control, lambda: control.setAccessibleName(str(words)))
        control.setFixedWidth(width)
        self._choices[name] = control
        self.offer(name, tuple(specification(name).choices))
        keep_said(control, lambda: self._say_choices(name))

        def show(value: str) -> None:
            with QSignalBlocker(control):
                if control.findData(value) < 0:
                    control.addItem(value, value)
                control.setCurrentIndex(control.findData(value))

        control.activated.connect(lambda _: self.changed.emit(name, control.currentData()))
        self._add(name, show, control)
        return row(words, control, tip=tip, buddy=control)

    def line(self, name: str, *, check: Callable[[str], object]) -> QWidget:
        """A row with a line of text; what `check` refuses with a SettingError is not taken, and why is said below."""
        words, tip = _words(name)
        control, refusal = QLineEdit(), label("", "alarm")
        control.setObjectName(name)
        keep_said(control, lambda: control.setAccessibleName(str(words)))
        control.setFixedWidth(148)
        refusal.setWordWrap(True)
        refusal.hide()
        shown = ""

        def show(value: str) -> None:
            nonlocal shown
            if value != shown:  # what is being typed stays when another setting changes
                shown = value
                control.setText(value)

        def tell() -> None:
            text = control.text().strip()
            try:
                check(text)
            except SettingError as error:
                refusal.say(error.phrase)
                refusal.show()
                announce(control, error.phrase)
                text = shown
            control.setText(text)
            if text != shown:
                self.changed.emit(name, text)

        control.textEdited.connect(refusal.hide)
        control.editingFinished.connect(tell)
        control.returnPressed.connect(control.clearFocus)
        self._add(name, show, control)
        return _stacked(row(words, control, tip=tip, buddy=control), refusal)

    def offer(self, name: str, values: Sequence[str]) -> None:
        """Limit the drop-down of a setting to these of its choices."""
        control, texts = self._choices[name], specification(name).choices
        if [control.itemData(place) for place in range(control.count())] == list(values):
            return
        with QSignalBlocker(control):
            chosen = control.currentData()
            control.clear()
            for value in values:
                control.addItem(str(texts[value]), value)
            control.setCurrentIndex(max(control.findData(chosen), 0))

    def _say_choices(self, name: str) -> None:
        control, texts = self._choices[name], specification(name).choices
        for place in range(control.count()):
            value = control.itemData(place)
            control.setItemText(place, str(texts.get(value, value)))

    def segmented(
        self, name: str, entries: tuple[tuple[object, Words, Words, str], ...], *, tall: bool = False
    ) -> Segmented:
        """A row of exclusive buttons; `entries` as Segmented takes them."""
        words, _ = _words(name)
        control = Segmented(entries, words=words, tall=tall)
        control.chosen.connect(lambda value: self.changed.emit(name, value))
        self._add(name, control.set_value, control)
        return control

    def _add(self, name: str, setter: Callable[[Any], None], control: QWidget) -> None:
        self._widgets.setdefault(name, []).append(control)
        self._show.setdefault(name, []).append(setter)


def titled(words: Words, control: QWidget) -> QWidget:
    """A control at the right of its words."""
    holder = QWidget()
    line = QHBoxLayout(holder)
    line.setContentsMargins(0, 0, 0, 0)
    line.addWidget(label(words))
    line.addStretch(1)
    line.addWidget(control, 0, Qt.AlignmentFlag.AlignRight)
    return holder


def _words(name: str) -> tuple[Phrase, Phrase]:
    spec = specification(name)
    return spec.label, spec.help


def _value_text(value: float, spec: Setting) -> str:
    if spec.type is float:
        return number(value, ".3f") if value else tr("off")
    return f"{number(value, 'g')} {spec.unit}".strip()


def _stacked(upper: QWidget, lower: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addWidget(upper)
    column.addWidget(lower)
    return holder
