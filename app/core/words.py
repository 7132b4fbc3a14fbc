"""Every word that a person sees: English templates, shown in the current language. No Qt.

The English template is the id of its translation. `tr` and `trn` translate now; `phrase` and `phrase_n` make a
`Phrase`, which is translated whenever it is read: for constants, tables and errors. `python -m tools.languages` finds
the templates in these calls, so they are literals there, with `{names}` for what varies.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from app.core.languages import ENGLISH, Language, catalogue, language


@dataclass(frozen=True)
class Phrase:
    """Words with their values, in the language that is current when they are read; `english` is for the log.

    Numbers keep their type until then, so that they are written as the language writes them. A value may be a phrase.
    """

    template: str
    values: tuple[tuple[str, Any], ...] = ()
    plural: str = ""
    """The template for every count but one; the count is the value `n`."""

    def __str__(self) -> str:
        return self.rendered(_current)

    def __bool__(self) -> bool:
        return bool(self.template)

    @property
    def english(self) -> str:
        """The words in English."""
        return self.rendered(ENGLISH)

    def record(self) -> dict[str, Any]:
        """The phrase as JSON takes it."""
        values = {name: value.record() if isinstance(value, Phrase) else value for name, value in self.values}
        return {"template": self.template, "values": values, "plural": self.plural}

    @classmethod
    def from_record(cls, record: Mapping[str, Any] | str) -> Phrase:
        """The phrase of a record; a text stands for itself."""
        if isinstance(record, str):
            return cls(record)
        values = (
            (name, cls.from_record(value) if isinstance(value, dict) else value)
            for name, value in record["values"].items()
        )
        return cls(record["template"], tuple(values), record["plural"])

    def rendered(self, spoken: Language) -> str:
        """The words in a language; English where its catalogue lacks them."""
        values = dict(self.values)
        template = self.template
        if self.plural:
            n = int(values["n"])
            forms = catalogue(spoken.code).get(self.plural, ())
            if len(forms) == spoken.forms:
                template = forms[spoken.form(n)]
            elif n != 1:
                template = self.plural
        else:
            template = catalogue(spoken.code).get(template, (template,))[0]
        return _Formatter(spoken).vformat(template, (), values) if values else template


NOTHING = Phrase("")
"""No words at all."""

Words: TypeAlias = str | Phrase
"""What a widget takes: words to be translated when they are shown, or a name that is the same in every language."""


class _Formatter(string.Formatter):
    def __init__(self, spoken: Language) -> None:
        self._spoken = spoken

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Phrase):
            return value.rendered(self._spoken)
        text = str(format(value, format_spec))
        return self._spoken.number(text) if isinstance(value, int | float) else text


_current = ENGLISH


def set_language(code: str) -> None:
    """Show everything in this language from now on; English for a code that is not known."""
    global _current
    _current = language(code)


def current_language() -> Language:
    """The language that words are shown in."""
    return _current


def phrase(template: str, /, **values: object) -> Phrase:
    """Words that are translated whenever they are read."""
    return Phrase(template, _kept(values))


def phrase_n(singular: str, plural: str, n: int, /, **values: object) -> Phrase:
    """The same with a count `n`, which both templates name as `{n}`."""
    return Phrase(singular, _kept({"n": n, **values}), plural)


def english(words: Words) -> str:
    """Words for the log and for documents."""
    return words.english if isinstance(words, Phrase) else words


def with_values(words: Words, /, **values: object) -> Phrase:
    """`words` with these values, unless it is a phrase that has its own."""
    if not isinstance(words, Phrase):
        return phrase(words, **values)
    return words if words.values else replace(words, values=_kept(values))


def tr(template: str, /, **values: object) -> str:
    """Words in the current language."""
    return str(phrase(template, **values))


def trn(singular: str, plural: str, n: int, /, **values: object) -> str:
    """The same with a count `n`, which both templates name as `{n}`."""
    return str(phrase_n(singular, plural, n, **values))


def number(value: float, spec: str = "") -> str:
    """A number as the current language writes it; `spec` is Python's, such as `.1f`."""
    return _current.number(format(value, spec))


def joined(parts: Sequence[Words], separator: str = ", ") -> Phrase:
    """Words one after another, such as the items of a list or two sentences."""
    names = [f"p{place}" for place in range(len(parts))]
    return phrase(separator.join(f"{{{name}}}" for name in names), **dict(zip(names, parts, strict=True)))


def padded(words: Words, width: int, *, right: bool = False) -> str:
    """Words filled up to `width` columns of a terminal, in which Chinese and Japanese signs take two."""
    text = str(words)
    room = " " * (width - sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text))
    return room + text if right else text + room


def _kept(values: Mapping[str, object]) -> tuple[tuple[str, Any], ...]:
    """Values that can be kept, compared and sent to another process: numbers and phrases as they are, else text."""
    return tuple(
        (name, value if isinstance(value, int | float | Phrase) else str(value)) for name, value in values.items()
    )
