"""The families of restorers: every module here is one, and its `FAMILY` describes it. See docs/adding-a-network.md."""

from __future__ import annotations

import importlib
import pkgutil

from app.restorers.family import Family


def family_names() -> list[str]:
    """Return the names of all families in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def family(name: str) -> Family:
    """Return the descriptor of the family called `name`. Raises KeyError with the known names for any other."""
    if name not in family_names():
        raise KeyError(f"unknown family {name!r}; known: {', '.join(family_names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    found: Family = module.FAMILY
    return found
