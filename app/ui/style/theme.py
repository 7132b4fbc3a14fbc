"""Colours and the style sheet: one set of names, a light and a dark value for each, following the system."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The named colours of a theme."""

    dark: bool
    window: str
    canvas: str
    panel: str
    raised: str
    hover: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    danger: str
    on_danger: str
    danger_soft: str
    warning: str


DARK = Tokens(
    dark=True,
    window="#15171b",
    canvas="#0c0d10",
    panel="#1b1d22",
    raised="#272a31",
    hover="#31353e",
    line="#2b2e36",
    text="#eceef2",
    muted="#9ba1ad",
    accent="#4cc2ff",
    on_accent="#04202f",
    accent_soft="#183648",
    danger="#ff5d5d",
    on_danger="#2b0505",
    danger_soft="#43262a",
    warning="#f5b94a",
)

LIGHT = Tokens(
    dark=False,
    window="#f1f2f5",
    canvas="#dfe2e7",
    panel="#fafbfc",
    raised="#e9ebef",
    hover="#dde0e6",
    line="#dcdfe5",
    text="#1b1e24",
    muted="#5d6470",
    accent="#0a74b0",
    on_accent="#ffffff",
    accent_soft="#d2e9f7",
    danger="#cf2f38",
    on_danger="#ffffff",
    danger_soft="#fbdcdd",
    warning="#9a6200",
)

STAGE_COLOURS = {
    "degrade": "#e08a7a",
    "detect": "#b79cff",
    "align": "#8f7cf0",
    "cycle 1": "#2a9fdf",
    "cycle 2": "#4cc2ff",
    "cycle 3": "#86d7ff",
    "cycle 4": "#bde9ff",
    "paste": "#f2b457",
    "other": "#6fcf97",
    "paint": "#ef8fb4",
}
"""The overlay lies on the picture, dark in both themes, so these do not depend on the theme."""

_SHEET = Template("""
* { font-size: 13px; outline: 0; }
QMainWindow, QDialog { background: $window; }
QWidget { color: $text; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 5px 7px; }

#panel { background: $panel; border-left: 1px solid $line; }
#panelBody, #panelScroll, #panelScroll > QWidget > QWidget { background: transparent; }
#recordCard { background: $panel; border-top: 1px solid $line; }
#statusLine { background: $panel; border-top: 1px solid $line; }
#statusLine QLabel { color: $muted; font-size: 12px; }
#statusLine QLabel[strong="true"] { color: $text; }
#statusLine QLabel[alarm="true"] { color: $danger; }
#transport, #plotDrawer { background: $panel; border-top: 1px solid $line; }
#transport QLabel { color: $muted; font-size: 12px; }

QLabel[role="title"] { font-size: 15px; font-weight: 600; }
QLabel[role="section"] { color: $muted; font-size: 11px; font-weight: 600; }
QLabel[role="message"] { font-size: 17px; }
QLabel[role="muted"] { color: $muted; font-size: 12px; }
QLabel[role="value"] { color: $text; font-size: 12px; }
QLabel[role="alarm"] { color: $danger; font-size: 12px; }
QLabel:disabled { color: $muted; }

QPushButton { background: $raised; border: 1px solid transparent; border-radius: 8px; padding: 0 12px;
    min-height: 32px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $muted; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; font-weight: 600; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $muted; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="record"] { background: $danger; color: $on_danger; font-weight: 600; min-height: 38px;
    border-radius: 10px; }
QPushButton[kind="record"]:hover { background: $danger; }
QPushButton[kind="record"]:focus { border: 2px solid $text; }
QPushButton[kind="record"]:disabled { background: $raised; color: $muted; }
QPushButton[kind="recording"] { background: $danger_soft; color: $text; border: 1px solid $danger; font-weight: 600;
    min-height: 38px; border-radius: 10px; }
QPushButton[kind="recording"]:focus { border: 2px solid $text; }
QPushButton::menu-indicator { image: none; }
QPushButton[kind="source"] { text-align: left; padding: 0 10px; min-height: 38px; }
QPushButton[kind="link"] { background: transparent; border: 1px solid transparent; border-radius: 4px;
    color: $accent; padding: 0; min-height: 26px; font-weight: 600; }
QPushButton[kind="link"]:hover { color: $text; }
QPushButton[kind="link"]:focus { border: 1px solid $accent; }
QPushButton[kind="section"] { border: 0; background: transparent; color: $muted; font-size: 11px; font-weight: 600;
    text-align: left;
    padding: 0; min-height: 24px; border-radius: 4px; }
QPushButton[kind="section"]:hover { color: $text; }
QPushButton[kind="section"]:focus { border: 1px solid $accent; color: $text; }

QToolButton { background: transparent; border: 1px solid transparent; border-radius: 8px; }
QToolButton:hover { background: $hover; }
QToolButton:focus { border-color: $accent; }
QToolButton[boxed="true"] { background: $raised; }
QToolButton[boxed="true"]:hover { background: $hover; }
QToolButton::menu-indicator { image: none; }

#segmented { background: $raised; border-radius: 9px; }
#segmented QToolButton { border-radius: 7px; color: $muted; font-size: 12px; margin: 2px; padding: 0 2px; }
#segmented QToolButton[tall="true"] { font-size: 11px; }
#segmented QToolButton:hover { color: $text; background: transparent; }
#segmented QToolButton:checked { background: $accent; color: $on_accent; font-weight: 600; }
#segmented QToolButton:focus { border-color: $text; }
#segmented QToolButton:disabled { color: $muted; background: transparent; }

QComboBox { background: $raised; border: 1px solid transparent; border-radius: 8px; padding: 0 0 0 10px;
    min-height: 30px; }
QComboBox:hover { background: $hover; }
QComboBox:focus { border-color: $accent; }
QComboBox:disabled { color: $muted; }
QComboBox::drop-down { border: 0; width: 26px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView { background: $panel; border: 1px solid $line; padding: 4px;
    selection-background-color: $accent_soft;
    selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 28px; padding: 0 6px; }

QLineEdit, QPlainTextEdit { background: $raised; border: 1px solid transparent; border-radius: 8px; padding: 6px 10px;
    selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus, QPlainTextEdit:focus { border-color: $accent; }
QLineEdit:disabled, QSpinBox:disabled { color: $muted; }
#stepper QLineEdit { padding: 0; background: transparent; border: 0; }
#stepper { background: $raised; border-radius: 8px; }
#stepper QSpinBox { background: transparent; border: 1px solid transparent; border-radius: 6px;
    min-height: 28px; padding: 0; }
#stepper QSpinBox::up-button, #stepper QSpinBox::down-button { width: 0; border: 0; }
#stepper QSpinBox:focus { border-color: $accent; }
#stepper QToolButton { border-radius: 6px; }

QMenu { background: $panel; border: 1px solid $line; padding: 6px; }
QMenu::item { padding: 7px 28px 7px 12px; border-radius: 6px; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $muted; }
QMenu::icon { padding-left: 10px; }
QMenu::separator { height: 1px; background: $line; margin: 6px 8px; }

QProgressBar { background: $hover; border: 0; border-radius: 3px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QListWidget { background: $raised; border: 1px solid transparent; border-radius: 8px; padding: 8px; }
QListWidget:focus { border-color: $accent; }
QListWidget::item { border-radius: 8px; padding: 6px; }
QListWidget::item:selected { background: $accent_soft; color: $text; }

QScrollArea { border: 0; background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar::handle:vertical { background: $hover; border-radius: 3px; min-height: 32px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle:horizontal { background: $hover; border-radius: 3px; min-width: 32px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

#toast { background: $panel; border: 1px solid $line; border-radius: 12px; }
#toast[level="error"] { border-color: $danger; }
#toast QLabel[role="title"] { font-size: 13px; }
#banner { background: rgba(16, 17, 20, 235); border-radius: 14px; }
#banner QLabel { color: #f2f3f5; font-size: 13px; }
#hint { background: $accent; border-radius: 10px; }
#hint QLabel { color: $on_accent; font-size: 13px; }
#hint QPushButton { color: $on_accent; background: transparent; border: 1px solid $on_accent; border-radius: 6px;
    padding: 0 10px; min-height: 24px; }
#hint QPushButton:focus { border: 2px solid $on_accent; }
#keycap { background: $raised; border: 1px solid $line; border-radius: 6px; padding: 2px 7px; font-size: 12px; }
""")

_current = DARK


def colour(name: str, alpha: float = 1.0) -> QColor:
    """A named colour of the theme in use, with an opacity in [0, 1]."""
    value = QColor(getattr(_current, name))
    value.setAlphaF(alpha)
    return value


def system_is_light() -> bool:
    """Whether the desktop asks for light windows."""
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light


def apply_theme(app: QApplication, choice: str) -> None:
    """Put on the theme: "light", "dark", or "system" for what the desktop says (dark where it says nothing)."""
    global _current
    light = choice == "light" or (choice == "system" and system_is_light())
    _current = LIGHT if light else DARK
    app.setPalette(_palette(_current))
    app.setStyleSheet(_SHEET.substitute(vars(_current)))


def _palette(theme: Tokens) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.raised,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.raised,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.on_accent,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Link: theme.accent,
    }
    for role, value in roles.items():
        palette.setColor(role, QColor(value))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return palette
