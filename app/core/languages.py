"""The languages that the application speaks: one row each, and a catalogue of the same name in `assets/languages`."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from xml.etree import ElementTree

from app.core.resources import resource_folder


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language by its locale's `code`, its `name` as its speakers write it, and how it writes numbers.

    `forms` is how many plural forms it has; `form` gives the place of the one that a count takes.
    """

    code: str
    name: str
    decimal: str = "."
    group: str = ","
    forms: int = 2
    form: Callable[[int], int] = lambda n: int(n != 1)

    def number(self, text: str) -> str:
        """A number as Python's formatting writes it, with this language's separators."""
        return text.translate({ord("."): self.decimal, ord(","): self.group})


def _only(_n: int) -> int:
    return 0


def _none_is_one(n: int) -> int:
    return int(n > 1)


ENGLISH = Language(code="en", name="English")

LANGUAGES: tuple[Language, ...] = (
    ENGLISH,
    Language(code="de", name="Deutsch", decimal=",", group="."),
    Language(code="es", name="Español", decimal=",", group="."),
    Language(code="fr", name="Français", decimal=",", group="\u202f", form=_none_is_one),
    Language(code="ja", name="日本語", forms=1, form=_only),
    Language(code="pt_BR", name="Português (Brasil)", decimal=",", group=".", form=_none_is_one),
    Language(code="zh_CN", name="简体中文", forms=1, form=_only),
)
"""Every language, in the order of the menu. The forms and their order are those of Qt's tools."""

_TRADITIONAL = {"hant", "tw", "hk", "mo"}


def language(code: str) -> Language:
    """The language of a code; English for one that is not known."""
    return next((each for each in LANGUAGES if each.code == code), ENGLISH)


def system_language(preferred: Iterable[str] | None = None) -> str:
    """The code of the first language among `preferred` locale names, such as `pt-BR`, that is spoken here.

    English where none is. Without names the environment is asked, as every program of the command line does.
    """
    for name in _environment() if preferred is None else preferred:
        found = _closest(name)
        if found is not None:
            return found.code
    return ENGLISH.code


@cache
def catalogue(code: str) -> Mapping[str, tuple[str, ...]]:
    """From every English template to its finished translation in each plural form; empty for English."""
    path = resource_folder("assets") / "languages" / f"{code}.ts"
    if not path.is_file():
        return MappingProxyType({})
    found = {}
    for message in ElementTree.parse(path).iterfind("context/message"):
        translation = message.find("translation")
        if translation is not None and translation.get("type") is None:
            forms = [form.text or "" for form in translation.iterfind("numerusform")] or [translation.text or ""]
            found[message.findtext("source", "")] = tuple(forms)
    return MappingProxyType(found)


def _closest(name: str) -> Language | None:
    """The language for a locale's name: the very one, or another of the same language."""
    plain = name.partition(".")[0].partition("@")[0].replace("-", "_")
    main, *rest = plain.lower().split("_")
    if main in ("c", "posix"):
        return ENGLISH
    if main == "zh" and _TRADITIONAL.intersection(rest):
        return None  # another script, not another spelling
    same = [each for each in LANGUAGES if each.code.partition("_")[0] == main]
    return next((each for each in same if each.code == plain), same[0] if same else None)


def _environment() -> list[str]:
    """Locale names in the order in which they are wanted."""
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    chosen = next((name for name in names if name), "")
    if chosen and chosen.partition(".")[0] not in ("C", "POSIX"):
        return [*os.environ.get("LANGUAGE", "").split(":"), chosen]
    if not chosen and sys.platform == "win32":
        import ctypes

        return [locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")]
    return [chosen]
