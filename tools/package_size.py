"""Makes the folder of a Linux package smaller: what nothing in it uses is taken out, what two packages bring is shared.

Wheels bring everything that somebody could need, and shared libraries are loaded whole or not at all. Five things help:

- files that the application never opens are deleted (`_UNUSED`);
- symbols for debuggers are taken out, where the library still loads after that;
- OpenCV uses the FFmpeg and the AVIF library of PyAV and Pillow instead of copies of its own (`_SHARED`);
- libraries that others are linked with and never call are replaced by stubs with the same symbols (`_NEVER_CALLED`);
- libraries that nothing in the folder needs any more are deleted.

It takes `readelf`, `nm` and `strip` of binutils and a C compiler; without them the folder stays as it is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.core.languages import LANGUAGES

_UNUSED = (
    "PySide6/Qt/plugins/platformthemes/libqgtk3.so",  # the only user of GTK
    *(f"PySide6/Qt/plugins/{kind}" for kind in ("egldeviceintegrations", "generic", "networkinformation", "tls")),
    *(
        f"PySide6/Qt/plugins/platforms/libq{name}.so"
        for name in ("eglfs", "linuxfb", "minimalegl", "vkkhrdisplay", "vnc")
    ),
    "pyqtgraph/icons/peegee",  # the mark of its own examples
    *(f"PySide6/Qt/plugins/imageformats/libq{name}.so" for name in ("icns", "tga", "tiff", "wbmp")),
)

_SHARED = ("libavcodec", "libavformat", "libavutil", "libswscale", "libswresample", "libavif")
"""Libraries of OpenCV's wheel that PyAV's or Pillow's has as well: of one major version, so of one interface."""

_NEVER_CALLED = {
    "libx265": "HEVC is decoded by FFmpeg itself and never encoded",
    "libSvtAv1Enc": "AV1 is encoded by the AVIF library of Pillow alone, which has an encoder inside",
    "librav1e": "the same",
    "libaom.so": "the same; the AVIF library of the system, which OpenCV reads with, decodes with dav1d",
    "libgav1": "the same",
    "libXau-": "PyAV and Pillow could capture an X screen; neither is asked to",
    "libopenblasp": "OpenCV's LAPACK, for functions that are not used; NumPy has its own",
    "libicudata": "Qt sorts and compares plainly without the tables of ICU",
}

_LOADED_BY_NAME = ("libpython", "libportaudio")
"""Libraries that are opened while the program runs, so that none is linked with them."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """What the dynamic section of a shared library says: its own name, and those of the libraries that it needs."""

    path: Path
    name: str
    needs: frozenset[str]


def shrink(folder: Path) -> None:
    """Make `folder`, PyInstaller's `_internal`, smaller and print what each step saved."""
    tools = ("readelf", "nm", "strip", "cc")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        print(f"the folder stays as large as it is: {', '.join(missing)} not on the PATH", file=sys.stderr)
        return
    for what, step in (
        ("files that are never opened", drop_unused),
        ("symbols for debuggers", strip_symbols),
        ("libraries that two packages bring", share_libraries),
        ("libraries that are never called", stub_libraries),
        ("libraries that nothing needs", drop_orphans),
    ):
        before = size_mb(folder)
        step(folder)
        print(f"  {what}: {before - size_mb(folder):.0f} MB less")


def size_mb(folder: Path) -> float:
    """Return the size of the files in `folder` in MB of a million bytes; links count nothing."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def drop_unused(folder: Path) -> None:
    """Delete `_UNUSED` and Qt's translations into languages that the application does not speak."""
    for name in _UNUSED:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    spoken = {each.code for each in LANGUAGES}
    for path in (folder / "PySide6" / "Qt" / "translations").glob("*.qm"):
        if path.stem.partition("_")[2] not in spoken:
            path.unlink()


def strip_symbols(folder: Path) -> None:
    """Take the symbols for debuggers out of every library in `folder` that `strip` leaves fit to be loaded.

    Wheels' libraries were moved into place, and some of them lose the alignment of their segments when stripped.
    """
    for library in read_libraries(folder):
        path = library.path
        if path.parent == folder.parent:  # the program has the archive of the modules behind its own end
            continue
        stripped = path.with_name(f"{path.name}.stripped")
        subprocess.run(["strip", "--strip-unneeded", "-o", str(stripped), str(path)], check=True)
        if is_aligned(stripped) and stripped.stat().st_size < path.stat().st_size:
            shutil.copymode(path, stripped)
            stripped.replace(path)
        else:
            stripped.unlink()


def is_aligned(library: Path) -> bool:
    """Whether the loader would accept the segments of `library`: addresses and places in the file agree by pages."""
    done = subprocess.run(["readelf", "-lW", str(library)], capture_output=True, text=True, check=True)
    segments = re.findall(r"^ +LOAD +(0x\w+) (0x\w+) .*(0x\w+)$", done.stdout, flags=re.MULTILINE)
    numbers = ([int(text, 16) for text in each] for each in segments)
    return bool(segments) and all((place - address) % alignment == 0 for place, address, alignment in numbers)


def share_libraries(folder: Path) -> None:
    """Let OpenCV's wheel use the `_SHARED` libraries of PyAV and Pillow.

    All libraries of the three come into one folder, for each looks for its own there; the names that OpenCV knows
    become links.
    """
    (opencv,) = [*folder.glob("opencv_python*.libs"), None][:1]
    av, pillow = folder / "av.libs", folder / "pillow.libs"
    if opencv is None or not av.is_dir():
        return
    for path in sorted(opencv.iterdir()):
        twin = _twin(path, [*av.iterdir(), *(pillow.iterdir() if pillow.is_dir() else ())])
        place = av / path.name
        if path.is_symlink() or place.exists():
            path.unlink()
        elif path.name.startswith(_SHARED) and twin is not None:
            path.unlink()
            place.symlink_to(Path("..", *twin.parts[-2:]) if twin.parent != av else twin.name)
        else:
            path.rename(place)
    opencv.rmdir()
    opencv.symlink_to(av.name)


def _twin(library: Path, others: list[Path]) -> Path | None:
    """Return the one of `others` with the name and the major version of `library`; wheels add a hash to each name."""
    pattern = re.compile(r"(lib[A-Za-z0-9]+)-[0-9a-f]{8}(?:-[0-9a-f]+)?\.so\.(\d+)")
    wanted = pattern.match(library.name)
    for other in others:
        found = pattern.match(other.name)
        if wanted and found and wanted.groups() == found.groups() and not other.is_symlink():
            return other
    return None


def stub_libraries(folder: Path) -> None:
    """Replace the `_NEVER_CALLED` libraries by stubs: functions return 0, data is 0."""
    libraries = list(read_libraries(folder))
    for library in libraries:
        if not library.path.name.startswith(tuple(_NEVER_CALLED)):
            continue
        users = [each.path for each in libraries if library.name in each.needs]
        functions, data = used_symbols(library.path, users)
        lines = [f"long {name}(void) {{ return 0; }}" for name in functions]
        lines += [f"const char {name}[64] = {{0}};" for name in data]
        source = "\n".join(lines)
        words = ["cc", "-shared", "-fPIC", "-nostdlib", "-s", f"-Wl,-soname,{library.name}", "-x", "c", "-"]
        subprocess.run([*words, "-o", str(library.path)], input=source, text=True, check=True)


def used_symbols(library: Path, users: list[Path]) -> tuple[list[str], list[str]]:
    """Return the names of the functions and of the data of `library` that `users` are linked with."""
    wanted = {name for user in users for _, name in _symbols(user, "--undefined-only")}
    defined = [(kind, name) for kind, name in _symbols(library, "--defined-only") if name in wanted]
    functions = sorted({name for kind, name in defined if kind in "TtWwi"})
    return functions, sorted({name for _, name in defined} - set(functions))


def _symbols(path: Path, which: str) -> list[tuple[str, str]]:
    """Return (type, name) of the dynamic symbols of `path`, without their versions."""
    done = subprocess.run(["nm", "-D", which, str(path)], capture_output=True, text=True, check=True)
    words = (line.split() for line in done.stdout.splitlines())
    return [(each[-2], each[-1].partition("@")[0]) for each in words if len(each) >= 2]


def drop_orphans(folder: Path) -> None:
    """Delete libraries that no program, module or library of the folder needs, until there are none."""
    while True:
        libraries = list(read_libraries(folder))
        needed = {name for each in libraries for name in each.needs}
        links = [path for path in folder.rglob("*.so*") if path.is_symlink()]
        needed |= {path.resolve().name for path in links if path.name in needed}
        orphans = [
            each.path
            for each in libraries
            if _is_linked_with(each.path, folder) and not needed & {each.path.name, each.name}
        ]
        if not orphans:
            break
        for path in orphans:
            path.unlink()
    for path in links:
        if not path.exists():
            path.unlink()


def _is_linked_with(path: Path, folder: Path) -> bool:
    """Whether `path` is a library that others are linked with: programs, modules and plug-ins are opened by path."""
    places = (folder, folder / "PySide6" / "Qt" / "lib", *folder.glob("*.libs"))
    return path.parent in places and path.name.startswith("lib") and not path.name.startswith(_LOADED_BY_NAME)


def read_libraries(folder: Path) -> Iterator[Library]:
    """Yield every shared library of `folder` that is a file of its own, and the program beside it."""
    for path in sorted([*folder.rglob("*.so*"), *folder.parent.glob("*")]):
        if path.is_symlink() or not path.is_file() or path.read_bytes()[:4] != b"\x7fELF":
            continue
        done = subprocess.run(["readelf", "-dW", str(path)], capture_output=True, text=True, check=True)
        names = re.findall(r"\((NEEDED|SONAME)\).*\[(.+)\]", done.stdout)
        own = [name for tag, name in names if tag == "SONAME"]
        needs = frozenset(name for tag, name in names if tag == "NEEDED")
        yield Library(path=path, name=own[0] if own else path.name, needs=needs)
