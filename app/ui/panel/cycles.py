"""The number of cycles: a slider for a fixed-point network, passes and drift for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.settings import specification
from app.core.words import number, phrase, tr
from app.ui.style.translated import keep_said
from app.ui.style.widgets import Slider, Stepper, label, row

if TYPE_CHECKING:
    from app.restorers.store import ShippedRestorer


class CyclesControl(QWidget):
    """Shows k in the terms of the chosen network. `chosen` carries a k that a person set."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        spec = specification("k")
        self._k = int(spec.default)
        self._restorer: ShippedRestorer | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._slider_row = QWidget()
        inner = QVBoxLayout(self._slider_row)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(2)
        words, tip = spec.label, spec.help
        self.slider = Slider(words, low=int(spec.low or 1), high=int(spec.high or 1))
        self.slider.setObjectName("k")
        keep_said(self.slider, lambda: self.slider.setToolTip(str(spec.help)))
        self._value = label("", "value")
        inner.addWidget(row(words, self._value, tip=tip, buddy=self.slider))
        inner.addWidget(self.slider)
        words = phrase("Passes")
        self.passes = Stepper(words, low=1, high=int(spec.high or 1), special=phrase("Single"))
        tip = phrase("A network made for one pass is fed its own output again; drift is how far each pass moves it")
        self._passes_row = row(words, self.passes, tip=tip, buddy=self.passes.spin)
        self.note = label("", "muted")
        self.note.setWordWrap(True)
        for widget in (self._slider_row, self._passes_row, self.note):
            self._column.addWidget(widget)
        self._passes_row.hide()
        self.note.hide()
        self.slider.valueChanged.connect(self._choose)
        self.passes.changed.connect(self._choose)

    def show_restorer(self, restorer: ShippedRestorer) -> None:
        """Offer this network's range."""
        if restorer == self._restorer:
            return
        self._restorer = restorer
        low, high = restorer.k_range
        family = restorer.family
        with QSignalBlocker(self.slider):
            self.slider.setRange(low, high)
        self.passes.set_range(low, high)
        self._slider_row.setVisible(family.fixed_point and high > low)
        self._passes_row.setVisible(not family.fixed_point and high > low)
        self.show_steps(())
        self.show_k(self._k)

    def show_k(self, k: int) -> None:
        """Set the controls to `k`, or to the nearest number in the network's range."""
        self._k = k
        low, high = self._restorer.k_range if self._restorer is not None else (k, k)
        k = min(max(k, low), high)
        with QSignalBlocker(self.slider):
            self.slider.setValue(k)
        self.slider.update()
        self._value.say(str(k))
        if k != self.passes.spin.value():  # the same number again would wipe what is being typed
            self.passes.set_value(k)

    def show_steps(self, steps: Sequence[float]) -> None:
        """Show a single-pass network's weakness, and the drift of each pass on the largest face."""
        if self._restorer is None or self._restorer.family.fixed_point:
            text = ""
        else:
            text = str(self._restorer.family.weakness)
            if steps:
                drift = tr("Drift of each pass: {steps}", steps=", ".join(number(step, ".3f") for step in steps))
                text = f"{text}\n{drift}".strip()
        if text != self.note.text():
            self.note.say(text)
        self.note.setVisible(bool(text))

    def _choose(self, k: object) -> None:
        if isinstance(k, int):
            self.chosen.emit(k)
