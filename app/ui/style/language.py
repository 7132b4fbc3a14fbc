"""The language of the window: of its own words, of Qt's dialogs, of numbers and dates."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app.core.languages import system_language
from app.core.settings import SYSTEM
from app.core.words import current_language, set_language

_translator = QTranslator()
"""Qt's own words in the language; empty for English."""


def speak(choice: str) -> None:
    """Show everything in the language that the setting `language` names; every widget is told."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    set_language(system_language(QLocale.system().uiLanguages()) if choice == SYSTEM else choice)
    code = current_language().code
    system = QLocale.system()  # British dates for who speaks English in Britain
    QLocale.setDefault(system if system.name().partition("_")[0] == code.partition("_")[0] else QLocale(code))
    application.removeTranslator(_translator)
    if _translator.load(f"qtbase_{code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(_translator)
    for widget in application.topLevelWidgets():
        QApplication.sendEvent(widget, QEvent(QEvent.Type.LanguageChange))
