"""Runs first in a packaged program: empty modules for what InsightFace imports and the face detector never calls.

SciPy, scikit-image and what belongs to them are 150 MB, and are left out of the package. What is used of such a module
all the same fails with its name. `skimage.data.astronaut`, the benchmark's face, comes from a picture in the package.
"""

import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType

LEFT_OUT = ("scipy", "skimage")


class _Unused(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*arguments, **options):
            raise ImportError(f"{self.__name__}.{name} is not part of this package")

        return missing


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in LEFT_OUT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Unused(spec.name)

    def exec_module(self, module):
        if module.__name__ == "skimage.data":
            module.astronaut = _astronaut


def _astronaut():
    """The picture of scikit-image, uint8 (512, 512, 3) RGB."""
    import cv2

    return cv2.imread(str(Path(sys._MEIPASS) / "app" / "data" / "astronaut.png"))[:, :, ::-1]


sys.meta_path.insert(0, _Finder())
