"""Shrinking a package: small real libraries, linked with each other as the wheels' are."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.media.videos.encoder_choices import FILE_ENCODERS, LIVE_ENCODERS
from tools.package_size import (
    drop_orphans,
    drop_unused,
    is_aligned,
    read_libraries,
    share_libraries,
    size_mb,
    strip_symbols,
    stub_libraries,
)

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packages of Linux alone are shrunk"),
    pytest.mark.skipif(not (shutil.which("cc") and shutil.which("readelf")), reason="no C compiler or no binutils"),
]


def library(path: Path, source: str, *linked: Path) -> Path:
    """Compile `source` to a shared library that finds the `linked` ones in its own folder, as those of wheels do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-Wl,-rpath,$ORIGIN", "-x", "c", "-"]
    words += ["-o", str(path), "-x", "none", *map(str, linked)]
    subprocess.run(words, input=source, text=True, check=True)
    return path


def called_in_another_process(path: Path, function: str) -> int:
    program = f"import ctypes; print(ctypes.CDLL({str(path)!r}).{function}())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_library_that_is_never_called_becomes_a_stub_with_its_symbols(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    table = library(folder / "libicudata.so.1", "const char table[4000000] = {7};")
    whole = library(folder / "libx265-0a1b2c3d.so.2", "int open_it(void) { return 5; } int never(void) { return 6; }")
    user = library(
        folder / "libuser.so",
        "int open_it(void); extern const char table[]; int ask(void) { return open_it() + table[0]; }",
        whole,
        table,
    )
    assert called_in_another_process(user, "ask") == 12
    stub_libraries(folder)
    assert called_in_another_process(user, "ask") == 0, "it still loads, and nothing is behind it"
    assert size_mb(folder) < 0.1
    assert not hasattr(ctypes.CDLL(str(whole)), "never"), "only what others are linked with is there"


def test_symbols_for_debuggers_are_taken_out(tmp_path: Path) -> None:
    path = library(
        tmp_path / "program" / "libone.so", "static int two(void) { return 2; } int one(void) { return two(); }"
    )
    before = path.stat().st_size
    strip_symbols(tmp_path / "program")
    assert path.stat().st_size < before
    assert called_in_another_process(path, "one") == 2
    assert [each.name for each in (tmp_path / "program").iterdir()] == ["libone.so"]


def test_a_library_that_would_not_load_keeps_its_symbols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library(tmp_path / "program" / "libone.so", "int one(void) { return 1; }")
    whole = bytearray(path.read_bytes())
    assert is_aligned(path)
    whole[64 + 8] ^= 1  # where the first segment of a 64-bit ELF lies
    moved = tmp_path / "moved.so"
    moved.write_bytes(whole)
    assert not is_aligned(moved)
    stripper = tmp_path / "bin" / "strip"
    stripper.parent.mkdir()
    stripper.write_text(f'#!/bin/sh\nhead -c 10000 {moved} > "$3"\n', encoding="utf-8")
    stripper.chmod(0o755)
    monkeypatch.setenv("PATH", str(stripper.parent), prepend=":")
    strip_symbols(tmp_path / "program")
    assert called_in_another_process(path, "one") == 1


def test_opencv_uses_the_ffmpeg_of_pyav(tmp_path: Path) -> None:
    opencv = tmp_path / "opencv_python_headless.libs"
    theirs = library(tmp_path / "av.libs" / "libavutil-11111111.so.60.26.102", "int version(void) { return 102; }")
    own = library(
        tmp_path / "opencv_python_headless.libs" / "libavutil-22222222.so.60.26.101",
        "int version(void) { return 101; }",
    )
    png = library(
        tmp_path / "opencv_python_headless.libs" / "libpng16-33333333.so.16.1", "int png(void) { return 16; }"
    )
    source = "int version(void); int png(void); int ask(void) { return version() + png(); }"
    module = library(opencv / "module.so", source, own, png)
    assert called_in_another_process(module, "ask") == 117
    share_libraries(tmp_path)
    assert called_in_another_process(opencv / "module.so", "ask") == 118
    assert {path.name for path in (tmp_path / "av.libs").iterdir() if not path.is_symlink()} == {
        theirs.name,
        png.name,
        "module.so",
    }


def test_an_ffmpeg_of_another_major_version_is_not_shared(tmp_path: Path) -> None:
    library(tmp_path / "av.libs" / "libavutil-11111111.so.61.0.100", "int version(void) { return 61; }")
    opencv = tmp_path / "opencv_python.libs"
    own = library(opencv / "libavutil-22222222.so.60.26.101", "int version(void) { return 60; }")
    share_libraries(tmp_path)
    assert called_in_another_process(opencv / own.name, "version") == 60


def test_what_nothing_needs_is_deleted_to_the_end_of_the_chain(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    last = library(folder / "liblast.so", "int last(void) { return 1; }")
    first = library(folder / "libfirst.so", "int last(void); int first(void) { return last(); }", last)
    needed = library(folder / "libneeded.so", "int needed(void) { return 2; }")
    module = library(folder / "package" / "module.so", "int needed(void); int ask(void) { return needed(); }", needed)
    by_name = library(folder / "libportaudio.so.2", "int play(void) { return 3; }")
    (folder / "libalias.so").symlink_to(first.name)
    drop_orphans(folder)
    assert {each.path for each in read_libraries(folder)} == {needed, module, by_name}
    assert not (folder / "libalias.so").is_symlink()


def test_qt_keeps_the_languages_that_are_spoken(tmp_path: Path) -> None:
    words = tmp_path / "PySide6" / "Qt" / "translations"
    words.mkdir(parents=True)
    for name in ("qtbase_de.qm", "qtbase_pt_BR.qm", "qtbase_zh_CN.qm", "qtbase_lg.qm", "qt_gl.qm"):
        (words / name).write_bytes(b"")
    theme = tmp_path / "PySide6" / "Qt" / "plugins" / "platformthemes" / "libqgtk3.so"
    theme.parent.mkdir(parents=True)
    theme.write_bytes(b"")
    drop_unused(tmp_path)
    assert {path.name for path in words.iterdir()} == {"qtbase_de.qm", "qtbase_pt_BR.qm", "qtbase_zh_CN.qm"}
    assert not theme.exists()


def test_the_size_counts_files_and_not_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(500_000))
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert size_mb(tmp_path) == 0.5


def test_no_encoder_is_used_that_has_become_a_stub() -> None:
    of_files = (choice for choices in FILE_ENCODERS.values() for choice in choices)
    used = {choice.name for choice in (*of_files, *LIVE_ENCODERS)}
    assert not used & {"libx265", "libsvtav1"}
