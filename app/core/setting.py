"""One row of the settings table, and the checks made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from app.core.errors import SettingError

Group = Literal["source", "restoration", "engine", "view", "output"]
GROUPS: Mapping[Group, str] = MappingProxyType(
    {"source": "Source", "restoration": "Restoration", "engine": "Engine", "view": "View", "output": "Recording"}
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

    label: str
    help: str
    group: Group
    effect: Effect
    low: float | None = None
    high: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
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
                return self.check(self.type(value))
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
        return SettingError(f"{self.name} cannot be {value!r}; it needs {self._needs()}.")

    def _needs(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[self.type]
        return kind if self.low is None else f"{kind} from {self.low:g} to {self.high:g}"
