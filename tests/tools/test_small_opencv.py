"""OpenCV from source: what is asked of it; the build itself is part of `tools/package.py`."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import cv2
import pytest

from tools import small_opencv
from tools.package import opencv_version
from tools.small_opencv import FLAGS, font_in, missing, names_used, small_wheel, without_types

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


def test_a_wheel_that_was_built_is_used_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = []

    def pip(words: list[str], **options: object) -> None:
        if "download" in words:
            source = tmp_path / "opencv-source"
            source.mkdir(exist_ok=True)
            (source / "setup.py").write_text(SETUP)
            with tarfile.open(Path(words[words.index("--dest") + 1]) / "opencv.tar.gz", "w:gz") as archive:
                archive.add(source, source.name)
        else:
            assert "typing" not in (Path(words[-1]) / "setup.py").read_text()
            built.append(words)
            (Path(words[words.index("--wheel-dir") + 1]) / "opencv.whl").write_bytes(b"")

    monkeypatch.setattr(small_opencv.subprocess, "run", pip)
    monkeypatch.setattr(small_opencv.subprocess, "check_output", lambda *words, **options: "3.12")
    monkeypatch.setattr(small_opencv, "_font", lambda python: b"font")
    first = small_wheel(Path("python"), opencv_version(), tmp_path, jobs=1)
    assert first == small_wheel(Path("python"), opencv_version(), tmp_path, jobs=4)
    assert len(built) == 1
    assert first.is_file()
    small_wheel(Path("python"), "9.9.9", tmp_path, jobs=1)
    assert len(built) == 2, "another version is another wheel"


def test_a_build_that_failed_leaves_nothing_that_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(words: list[str], **options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(small_opencv.subprocess, "run", fail)
    monkeypatch.setattr(small_opencv.subprocess, "check_output", lambda *words, **options: "3.12")
    monkeypatch.setattr(small_opencv, "_font", lambda python: b"font")
    for _ in range(2):
        with pytest.raises(RuntimeError):
            small_wheel(Path("python"), "5.0.0", tmp_path, jobs=1)


def test_a_set_up_of_another_shape_is_refused() -> None:
    with pytest.raises(RuntimeError, match="has changed"):
        without_types(SETUP.replace("py.typed", "other"))
