"""The live outputs, each with a switch, while it is on its state, and its settings."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.words import phrase
from app.outputs.base import OutputDescriptor, OutputState
from app.outputs.registry import OUTPUTS
from app.outputs.stream import parse_address
from app.ui.host import SessionHost
from app.ui.panel.bindings import Bindings
from app.ui.style.buttons import restyle
from app.ui.style.widgets import Label, Switch, label, row

_POLL_MS = 250
_SETTINGS = {
    "virtual-camera": ("virtual_camera_size", "virtual_camera_fps"),
    "network-stream": ("stream_address", "stream_viewers"),
}
"""What an output takes from the settings when it starts, by its name."""


class OutputsSection(QWidget):
    """Rows for every live output of the registry, and the choice of their view while one is on."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__()
        self._bindings = bindings
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(label(phrase("Outputs"), "section"))
        self.switches: dict[str, Switch] = {}
        self.states: dict[str, Label] = {}
        self._changing: set[str] = set()
        rows = {
            "virtual_camera_size": bindings.choice("virtual_camera_size"),
            "virtual_camera_fps": bindings.stepper("virtual_camera_fps", step=5),
            "stream_address": bindings.line("stream_address", check=parse_address),
            "stream_viewers": bindings.stepper("stream_viewers"),
        }
        for entry in OUTPUTS:
            if entry.is_live:
                self._add(entry)
                for setting in _SETTINGS.get(entry.name, ()):
                    self._column.addWidget(rows[setting])
        self._view = bindings.choice("output_view")
        self._view.hide()
        self._column.addWidget(self._view)

    def attach(self, host: SessionHost) -> None:
        """Control the outputs of `host` from now on and show their states."""
        for name, switch in self.switches.items():
            switch.toggled.connect(lambda on, name=name: self._switch(host, name, on))
        host.output_switched.connect(self._changing.discard)
        self._bindings.changed.connect(lambda setting, _: self._begin_again(host, setting))
        timer = QTimer(self)
        timer.timeout.connect(lambda: self.show_states(host.output_states()))
        timer.start(_POLL_MS)

    def show_states(self, states: Mapping[str, OutputState]) -> None:
        """Set switches and texts to these states by the outputs' names; others are off."""
        for name, switch in self.switches.items():
            state = states.get(name)
            if name not in self._changing:
                with QSignalBlocker(switch):
                    switch.setChecked(state is not None)
                switch.update()
            text = output_text(state) if state is not None else ""
            self.states[name].say(text)
            self.states[name].setVisible(bool(text))
            has_failed = state is not None and state.error is not None
            restyle(self.states[name], "role", "alarm" if has_failed else "muted")
            for setting in _SETTINGS.get(name, ()):
                self._bindings.set_enabled(setting, state is None or has_failed)
        self._view.setVisible(bool(self.switches.keys() & states.keys()))

    def _add(self, entry: OutputDescriptor) -> None:
        switch = Switch(entry.label)
        switch.setObjectName(entry.name)
        text = label("", "muted")
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.hide()
        self.switches[entry.name], self.states[entry.name] = switch, text
        self._column.addWidget(row(entry.label, switch, tip=phrase("Needs: {needs}", needs=entry.needs)))
        self._column.addWidget(text)

    def _begin_again(self, host: SessionHost, setting: str) -> None:
        """Have an output that has failed, or waits, try with the setting that was changed."""
        for name, settings in _SETTINGS.items():
            if setting in settings and self.switches[name].isChecked():
                self._switch(host, name, on=False)
                self._switch(host, name, on=True)

    def _switch(self, host: SessionHost, name: str, on: bool) -> None:
        self._changing.add(name)
        if on:
            host.start_output(name)
        else:
            host.stop_output(name)


def output_text(state: OutputState) -> str:
    """Return an output's state as text: where it can be seen, or why it cannot and what to do."""
    if state.error is not None:
        return str(state.error)
    return str({"starting": phrase("Starting…"), "live": state.detail}.get(state.status, ""))
