"""Runs first in a packaged program: empty modules for what InsightFace imports and the face detector never calls.

SciPy, scikit-image and what belongs to them are 150 MB, and are left out of the package. What is used of such a module
all the same fails with its name. `skimage.data.astronaut`, the benchmark's face, comes from a picture in the package.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

LEFT_OUT = ("scipy", "skimage")


class _Unused(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*arguments: object, **options: object) -> None:
            raise ImportError(f"{self.__name__}.{name} is not part of this package")

        return missing


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.split(".")[0] in LEFT_OUT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Unused(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == "skimage.data":
            module.__dict__["astronaut"] = _astronaut


def _astronaut() -> Any:
    """The picture of scikit-image, uint8 (512, 512, 3) RGB."""
    import cv2

    picture = cv2.imread(str(Path(sys.prefix) / "app" / "data" / "astronaut.png"))  # PyInstaller sets the prefix
    assert picture is not None, "the picture is part of the package"
    return picture[:, :, ::-1]


sys.meta_path.insert(0, _Finder())
