"""Builds the OpenCV of a Linux package from source: the modules that the application calls, and nothing else.

The wheel of OpenCV is one library of 74 MB with networks, camera calibration, stitching and Intel's IPP in it. The
same version from source, with four modules, is a quarter of that. It takes a C++ compiler, nasm (without it JPEG is
slow) and libavif's headers, and ten minutes on four cores.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path

from tools.from_source import Recipe

PACKAGE = "opencv-python-headless"

NEEDED = {"c++": "g++", "nasm": "nasm", "pkg-config": "pkg-config"}
"""Programs that the build calls, and the packages of Debian and Ubuntu that have them."""

_OFF = (
    *("FFMPEG", "GSTREAMER", "1394", "OBSENSOR"),  # PyAV reads videos and streams; cameras are V4L2's
    *("IPP", "ITT", "LAPACK", "EIGEN", "OPENCL", "VA", "VA_INTEL"),  # IPP alone is 20 MB
    *("PROTOBUF", "FLATBUFFERS", "OPENEXR", "JASPER"),
)
_OWN = ("ZLIB", "PNG", "JPEG", "TIFF", "WEBP", "OPENJPEG")
FLAGS = (
    "-DBUILD_LIST=core,imgproc,imgcodecs,videoio,python3",
    *(f"-DWITH_{name}=OFF" for name in _OFF),
    "-DBUILD_OPENEXR=OFF",
    *(f"-DBUILD_{name}=ON" for name in _OWN),  # linked in, whatever the system has
    "-DWITH_AVIF=ON",
    "-DCPU_BASELINE=SSE3",
    "-DCPU_DISPATCH=SSE4_1,SSE4_2,AVX,FP16,AVX2,AVX512_SKX",  # those of the wheel
    "-DENABLE_PRECOMPILED_HEADERS=OFF",
    "-DCMAKE_SHARED_LINKER_FLAGS=-s",
    "-DCMAKE_MODULE_LINKER_FLAGS=-s",
)
"""What CMake is told; without blanks, for scikit-build splits there."""

_FONT = "WenQuanYiMicroHei.ttf.gz"
_GZIP = re.compile(rb"\x1f\x8b\x08")
_MOST_OF_A_FONT = 8_000_000


def missing() -> list[str]:
    """Return the Debian packages that a build lacks here."""
    found = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if shutil.which("pkg-config") and subprocess.call(["pkg-config", "--exists", "libavif"]) != 0:
        found.append("libavif-dev")
    return found


def recipe(python: Path, version: str, *, jobs: int) -> Recipe:
    """Return how OpenCV `version` is built with `jobs` compilers at once.

    The ordinary wheel is installed for `python`: the font for every script is taken out of it when the build begins.
    """

    def prepare(source: Path) -> Mapping[str, str]:
        (source / _FONT).write_bytes(_font(python))
        setup = source / "setup.py"
        setup.write_text(without_types(setup.read_text(encoding="utf-8")), encoding="utf-8")
        flags = (*FLAGS, f"-DOPENCV_UNIFONT_URL={source.resolve().as_uri()}/")
        return {"CMAKE_ARGS": " ".join(flags), "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs)}

    return Recipe(package=PACKAGE, version=version, flags=FLAGS, prepare=prepare)


def without_types(setup: str) -> str:
    """Return OpenCV's setup.py without the type stubs, which its build writes for all modules or not at all.

    Raises RuntimeError when the file is not as it was in version 5.0.0.
    """
    for line, other in (
        ('[ r"python/cv2/py.typed" ]', "[]"),
        ('rearrange_cmake_output_data["cv2.typing"] = ["python/cv2" + r"/typing/.*\\.py"]', "pass"),
    ):
        if setup.count(line) != 1:
            raise RuntimeError(f"OpenCV's setup.py has changed: {line} is not in it")
        setup = setup.replace(line, other)
    return setup


def _font(python: Path) -> bytes:
    """Return the font with Chinese and Japanese signs, gzipped, out of the installed OpenCV.

    OpenCV's own build downloads it from another site, and checks that it is this very file.
    """
    where = "import importlib.util; print(importlib.util.find_spec('cv2').submodule_search_locations[0])"
    folder = Path(subprocess.check_output([str(python), "-c", where], text=True).strip())
    return font_in((folder / "cv2.abi3.so").read_bytes())


def font_in(library: bytes) -> bytes:
    """Return the largest gzip stream in `library`. Raises RuntimeError when there is none."""
    found = []
    for match in _GZIP.finditer(library):
        stream = library[match.start() : match.start() + _MOST_OF_A_FONT]
        reader = zlib.decompressobj(wbits=31)
        try:
            reader.decompress(stream)
        except zlib.error:
            continue
        if reader.eof:
            found.append(stream[: len(stream) - len(reader.unused_data)])
    if not found:
        raise RuntimeError("OpenCV's wheel has no font inside")
    return max(found, key=len)


def names_used(folder: Path) -> set[str]:
    """Return what the modules in `folder` take from `cv2`, by name."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py")))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "cv2"}
