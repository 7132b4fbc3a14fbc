"""OpenCV from source: what is asked of it; the build itself is part of `tools/package.py`."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import cv2
import pytest

from tools import small_opencv
from tools.small_opencv import FLAGS, font_in, missing, names_used, recipe, without_types

ROOT = Path(__file__).parents[2]
SETUP = """package_data["cv2"] = [ r"python/cv2/py.typed" ]
rearrange_cmake_output_data["cv2.typing"] = ["python/cv2" + r"/typing/.*\\.py"]
"""


def test_the_largest_compressed_file_in_a_library_is_its_font() -> None:
    small, large = gzip.compress(os.urandom(300)), gzip.compress(os.urandom(4000))
    library = b"\x7fELF" + small + b"\x1f\x8b\x08 no stream" + large + bytes(50) + small
    assert font_in(library) == large
    with pytest.raises(RuntimeError):
        font_in(b"\x7fELF" + bytes(1000))


def test_the_installed_opencv_has_a_font() -> None:
    assert len(font_in((Path(cv2.__file__).parent / "cv2.abi3.so").read_bytes())) > 1_000_000


def test_flags_pass_through_the_build_whole() -> None:
    assert not [flag for flag in FLAGS if " " in flag], "scikit-build splits them at blanks"


def test_what_the_application_takes_of_opencv_is_known() -> None:
    used = names_used(ROOT / "app")
    assert {"resize", "warpAffine", "imdecodeWithMetadata", "VideoCapture", "putText"} <= used
    assert used <= set(dir(cv2))
    assert "dnn" not in used, "the module for networks is not part of the small OpenCV"


def test_what_a_build_lacks_is_named_as_debian_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing() == ["g++", "nasm", "pkg-config"]


def test_the_source_is_prepared_before_it_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(small_opencv, "_font", lambda python: b"font")
    (tmp_path / "setup.py").write_text(SETUP)
    environment = recipe(Path("python"), "5.0.0", jobs=3).prepare(tmp_path)
    assert "typing" not in (tmp_path / "setup.py").read_text()
    assert environment["CMAKE_BUILD_PARALLEL_LEVEL"] == "3"
    (font,) = re.findall(r"-DOPENCV_UNIFONT_URL=(\S+)", environment["CMAKE_ARGS"])
    assert (Path(font.removeprefix("file://")) / "WenQuanYiMicroHei.ttf.gz").read_bytes() == b"font"


def test_a_set_up_of_another_shape_is_refused() -> None:
    with pytest.raises(RuntimeError, match="has changed"):
        without_types(SETUP.replace("py.typed", "other"))
