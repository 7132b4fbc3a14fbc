"""Builds the NumPy of a Linux package from source: without OpenBLAS, whose matrix products the application never needs.

OpenBLAS is 28 MB of kernels for large matrices. The products of the application are of landmarks, boxes and samples of
colours, a few numbers wide; NumPy's own loops and its small copy of LAPACK do for them. Networks run in ONNX Runtime.
"""

from __future__ import annotations

from tools.from_source import Recipe

PACKAGE = "numpy"

FLAGS = ("-Dallow-noblas=true", "-Dblas=none", "-Dlapack=none")
"""What meson is told."""


def recipe(version: str, *, jobs: int) -> Recipe:
    """Return how NumPy `version` is built with `jobs` compilers at once."""
    # pip asks for the metadata first, for which meson-python compiles everything: in one folder it does so once.
    settings = (*(f"setup-args={flag}" for flag in FLAGS), f"compile-args=-j{jobs}", "build-dir={folder}")
    return Recipe(package=PACKAGE, version=version, flags=FLAGS, settings=settings)
