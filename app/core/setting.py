"""One row of the settings table, and the checks made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from app.core.errors import SettingError
from app.core.words import Phrase, Words, phrase, with_values

Group = Literal["source", "restoration", "engine", "view", "output"]
GROUPS: Mapping[Group, Phrase] = MappingProxyType(
    {
        "source": phrase("Source"),
        "restoration": phrase("Restoration"),
        "engine": phrase("Engine"),
        "view": phrase("View"),
        "output": phrase("Recording"),
    }
)
"""The groups of the settings and their headings, in the order in which they are shown."""

Effect = Literal["start", "source", "engine", "picture", "pacing", "view", "output"]
"""The effects of a change: at the next start, reopening the device, reloading the network, restoring the frame again,
another decision of auto-k, another view, the next recording."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table.

    `low` and `high` are inclusive, `choices` maps every possible value to its text. A setting with `in_restore` is an
    option of the command `restore` too; `flag` is the option's name where it differs from the setting's.
    """

    label: Phrase
    help: Phrase
    group: Group
    effect: Effect
    low: float | None = None
    high: float | None = None
    choices: Mapping[str, Words] = field(default_factory=dict)
    unit: Words = ""
    in_restore: bool = False
    flag: str = ""
    name: str = ""
    default: Any = None

    @property
    def type(self) -> type:
        """The type of the values: bool, int, float or str."""
        return type(self.default)

    @property
    def option(self) -> str:
        """The option of the command line, such as `--detect-size`."""
        return self.flag or "--" + self.name.replace("_", "-")

    def named(self, name: str, default: object) -> Setting:
        """Return the row with the name and the default of its field."""
        return replace(self, name=name, default=default)

    def coerce(self, value: object) -> Any:
        """Return `value`, text or not, in the setting's type. Raises SettingError when it is wrong or out of range."""
        if self.type is bool and str(value).lower() in ("true", "false", "1", "0"):
            return self.check(str(value).lower() in ("true", "1"))
        if self.type in (int, float) and isinstance(value, str):
            try:
                # Terminals show limits as the language writes them.
                return self.check(self.type(value.replace(",", ".") if self.type is float else value))
            except ValueError:
                raise self._refusal(value) from None
        return self.check(value)

    def check(self, value: object) -> Any:
        """Return `value`, a whole number as a float where a float belongs. Raises SettingError."""
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type or not self._in_range(value) or (self.choices and value not in self.choices):
            raise self._refusal(value)
        return value

    def _in_range(self, value: object) -> bool:
        if self.low is None or self.high is None or not isinstance(value, int | float):
            return True
        return self.low <= value <= self.high

    def _refusal(self, value: object) -> SettingError:
        return SettingError(
            "{name} cannot be {value}; it needs {needs}.", name=self.name, value=repr(value), needs=self._needs()
        )

    def _needs(self) -> Phrase:
        if self.choices:
            return phrase("one of {choices}", choices=", ".join(self.choices))
        if self.low is None or self.high is None:
            return {bool: phrase("true or false"), str: phrase("text")}.get(self.type, phrase("a number"))
        limits = (
            phrase("a whole number from {low:g} to {high:g}")
            if self.type is int
            else phrase("a number from {low:g} to {high:g}")
        )
        return with_values(limits, low=self.low, high=self.high)
