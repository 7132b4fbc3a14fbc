"""Build hook of the wheel: the models that the manifest names and the assets become data of the package `app`.

In a checkout they stay in their top-level folders; `app/core/resources.py` finds them in both places.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackageDataHook(BuildHookInterface[Any]):
    """Adds the data files to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        sys.path.insert(0, self.root)
        from tools.package_data import package_data

        build_data["force_include"].update(package_data(Path(self.root)))
