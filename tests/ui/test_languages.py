"""The window in every language: it changes while it runs, nothing is cut off, and the choice is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QFontDatabase, QFontMetrics, QImage
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.languages import LANGUAGES
from app.core.settings import specification
from app.core.types import Image, Timings
from app.core.words import current_language
from app.pipeline.measuring.stages import stage_statistics
from app.ui.dialogs.dialogs import ShortcutsSheet
from app.ui.preview.overlay_model import stage_words
from app.ui.settings_store import SettingsStore
from app.ui.style.language import speak
from app.ui.style.widgets import ElidedLabel, Segmented
from app.ui.window import MainWindow
from tests.ui.scripted import ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
CODES = [each.code for each in LANGUAGES]
SCRIPTS = {"zh_CN": QFontDatabase.WritingSystem.SimplifiedChinese, "ja": QFontDatabase.WritingSystem.Japanese}


@pytest.fixture(autouse=True)
def english_again(qapp: QApplication) -> Iterator[None]:
    yield
    speak("en")


def shown_texts(window: QWidget) -> str:
    """Everything that the window's labels, buttons and tooltips say."""
    widgets = window.findChildren(QWidget)
    said = [widget.text() for widget in widgets if isinstance(widget, QLabel | QPushButton | QToolButton)]
    return "\n".join(said + [widget.toolTip() for widget in widgets])


def test_the_language_changes_while_the_window_runs_and_is_kept(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, store: SettingsStore, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    session.next_frame = restored_frame(*pictures, index=25, boxes=[])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()
    qtbot.waitUntil(lambda: bool(window.preview.badges), timeout=3000)
    window.notifications.error("A message that stays")
    window.banner.say(specification("source").help)
    english = shown_texts(window)
    window.more_menu._choices["language", "de"].trigger()
    german = shown_texts(window)
    for before, after in (("Strength", "Stärke"), ("Side by side", "Parallel"), ("QUALITY", "QUALITÄT")):
        assert before in english
        assert before not in german
        assert after in german
    assert window.actions_by_name["open_file"].text() == "Datei öffnen…"
    assert window.banner.text().startswith("Name einer Kamera")
    assert "Kein Gesicht gefunden" in [str(badge.words) for badge in window.preview.badges]
    assert window.panel.findChild(QComboBox, "record_mode").currentText() == "Parallel"  # type: ignore[union-attr]
    store.save(window.settings)
    assert store.load().language == "de"
    window.change(language="en")
    assert shown_texts(window) == english


def test_dialogs_and_the_names_of_keys_are_in_the_language(make_window: MakeWindow) -> None:
    window = make_window()
    window.change(language="de")
    sheet = ShortcutsSheet(window)
    assert sheet.windowTitle() == "Tastenkürzel"
    assert "Strg" in shown_texts(sheet), "Qt's own words are in the language too"


@pytest.mark.parametrize("code", CODES)
def test_the_sheet_of_shortcuts_fits_on_a_low_screen(make_window: MakeWindow, code: str) -> None:
    window = make_window()
    window.change(language=code)
    sheet = ShortcutsSheet(window)
    sheet.show()
    assert sheet.minimumSizeHint().height() <= 620
    assert sheet.height() <= window.screen().availableGeometry().height() - 48
    area = sheet.findChild(QScrollArea)
    assert area is not None
    assert area.viewport().width() >= area.widget().minimumSizeHint().width(), "it scrolls down, not to the side"


def test_every_stage_of_the_card_is_named_in_the_language(themed: QApplication) -> None:
    speak("de")
    stages = stage_statistics([Timings(cycles_ms=(9.0,), other_ms=9.0)])
    untold = [stage.name for stage in stages if str(stage_words(stage.name)) == stage.name]
    assert untold == ["capture"], "which is not on the card"


def test_an_unknown_language_of_the_system_is_english(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    window.change(language="de")
    window.change(language="system")  # the tests' system has no language
    assert current_language().code == "en"
    assert "Strength" in shown_texts(window)


@pytest.mark.parametrize("code", CODES)
def test_no_word_is_cut_off(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], code: str
) -> None:
    if code in SCRIPTS and not QFontDatabase.families(SCRIPTS[code]):
        pytest.skip("no font of this machine has the signs")
    window = make_window(language=code)
    speak(code)
    window._host.on_status(ONLINE)
    window.panel.open_advanced()
    for _ in range(3):
        QApplication.processEvents()
    body = window.panel.scroll_area.widget()
    assert body is not None
    assert body.minimumSizeHint().width() <= window.panel.scroll_area.viewport().width(), "wider than the panel"
    assert [said for widget in window.findChildren(QWidget) if (said := cut_off(widget))] == []


@pytest.mark.parametrize("code", [code for code in CODES if code not in SCRIPTS])
def test_a_segment_shows_its_words_whole_where_it_is_narrowest(themed: QApplication, qtbot: QtBot, code: str) -> None:
    speak(code)
    for words in specification("view").choices.values():
        segments = Segmented(((1, words, "", "split"),), words="", tall=True)
        qtbot.addWidget(segments)
        segments.set_value(1)
        segments.show()
        button = segments.button(1)
        widths = []
        for width in (button.minimumSizeHint().width(), 200):
            button.setFixedWidth(width)
            QApplication.processEvents()
            widths.append(ink_width(button))
        assert abs(widths[0] - widths[1]) <= 3, words  # eliding takes eight or more


def ink_width(button: QToolButton) -> int:
    """How wide the words at the lower edge of a button are, in pixels."""
    image = button.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)[28:44, 6 : image.width() - 6]
    columns = np.nonzero(np.abs(rows.astype(int) - np.median(rows)).max(axis=0) > 40)[0]
    return int(columns.max() - columns.min()) if len(columns) else 0


def cut_off(widget: QWidget) -> str:
    """The words of a visible widget that has no room for them; "" where everything can be read."""
    if not widget.isVisible() or isinstance(widget, ElidedLabel) or widget.objectName() in ("qt_toolbar_ext_button",):
        return ""
    if isinstance(widget, QLabel):
        width, height = needed(widget, widget.text(), widget.width() if widget.wordWrap() else 0)
        fits = (widget.wordWrap() or width <= widget.width()) and height <= widget.height() + 1
        return "" if fits or not widget.text() else widget.text()
    if isinstance(widget, QPushButton) and widget.text() and widget.property("kind") != "source":
        return "" if widget.sizeHint().width() <= widget.width() else widget.text()
    if isinstance(widget, QToolButton) and widget.text():
        return "" if widget.minimumSizeHint().width() <= widget.width() else widget.text()
    if isinstance(widget, QComboBox):
        texts = [widget.itemText(place) for place in range(widget.count())]
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = widget.style().subControlRect(kind, option, part, widget).width()
        return next((text for text in texts if needed(widget, text)[0] > room), "")
    if isinstance(widget, QSpinBox):
        text = widget.specialValueText()
        return text if needed(widget, text)[0] + 6 > widget.width() else ""
    return ""


def needed(widget: QWidget, text: str, within: int = 0) -> tuple[int, int]:
    """Width and height of words in the font of a widget, wrapped at `within` where that is given."""
    room = QRect(0, 0, within or 10000, 10000)
    flags = 0x1000 if within else 0  # Qt.TextFlag.TextWordWrap
    found = QFontMetrics(widget.font()).boundingRect(room, flags, text)
    return found.width(), found.height()
