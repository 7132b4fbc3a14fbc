"""Runs a built package the way a person without Python does, and fails when anything is missing.

    python tools/check_package.py                           what tools/package.py built
    python tools/check_package.py --program dist/x/y        another one, such as an AppImage

The models are verified, a picture in each format and the demo clip are restored, every language is spoken, and the
window is opened on the demo clip until it shows a restored picture, on a screen of its own where there is none. There
is no Python on the PATH, and the folder and the environment are empty. On Linux a folder above the goal is refused.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.core.languages import LANGUAGES  # noqa: E402
from tools.package import GOAL_MB  # noqa: E402
from tools.package_size import size_mb  # noqa: E402
from tools.virtual_display import virtual_display  # noqa: E402

FORMATS = {".png": 16, ".tif": 16, ".jp2": 8, ".avif": 10, ".webp": 8, ".jpg": 8}
"""Suffixes of pictures and the bits a colour that each is tried with."""

DEMO = ROOT / "assets" / "demo.mp4"
_WINDOW_S = 60.0
_KEPT = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM", "SYSTEMROOT", "TEMP", "TMP", "LANG")


class Package:
    """The program, run in an empty folder with an environment that knows no Python."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment = kept | {"PATH": str(folder / "nothing"), "HOME": str(folder), "USERPROFILE": str(folder)}
        if program.suffix == ".AppImage":
            self.environment["APPIMAGE_EXTRACT_AND_RUN"] = "1"  # where a file system cannot be mounted
        self.log = folder / "log" / "cfrnet-live.log"
        self.environment["CFRNET_LIVE_LOG_FOLDER"] = str(self.log.parent)

    def run(self, *words: str) -> str:
        """The output of a command line; ends this check when it fails."""
        done = subprocess.run(
            [str(self.program), *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(words)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def open_window(self) -> float:
        """Open the window on the demo clip; returns the seconds until the first restored picture was shown."""
        environment = self.environment | {name: os.environ[name] for name in _KEPT if name in os.environ}
        began = time.monotonic()
        words = [str(self.program), "--source", str(DEMO)]
        window = subprocess.Popen(words, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            while "the first restored picture" not in self._logged():
                if window.poll() is not None or time.monotonic() - began > _WINDOW_S:
                    window.kill()
                    _, said = window.communicate()
                    raise SystemExit(f"the window showed no restored picture:\n{said}{self._logged()}")
                time.sleep(0.1)
            return time.monotonic() - began
        finally:
            window.terminate()
            window.wait(timeout=20)

    def _logged(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=_built(), help="the program to run")
    program = parser.parse_args().program.resolve()
    with tempfile.TemporaryDirectory() as folder:
        package = Package(program, Path(folder))
        print(package.run("--version").strip())
        models = package.run("models")
        if "MISSING" in models or "ALTERED" in models:
            raise SystemExit(models)
        print(f"models: {sum(line.startswith('ok') for line in models.splitlines())} verified")
        if program.suffix != ".AppImage":
            print(f"size: {expect_small(_folder_of(program)):.0f} MB")
        expect_licences(program)
        expect_languages(package)
        for suffix, bits in FORMATS.items():
            print(f"picture, {suffix} with {bits} bits: {_restore_picture(package, suffix, bits)} pixels changed")
        print(f"demo clip: {_restore_clip(package)} frames restored")
        with virtual_display():
            print(f"window: first restored picture after {package.open_window():.1f} s")
    return 0


def _built() -> Path:
    """Where tools/package.py puts the program on this system."""
    dist = ROOT / "dist"
    if sys.platform == "darwin":
        return dist / "cfrnet-live.app" / "Contents" / "MacOS" / "cfrnet-live"
    return dist / "cfrnet-live" / ("cfrnet-live.exe" if sys.platform == "win32" else "cfrnet-live")


def _folder_of(program: Path) -> Path:
    """The folder that a program is handed out in."""
    bundle = next((folder for folder in program.parents if folder.suffix == ".app"), None)
    return bundle or program.parent


def expect_small(folder: Path) -> float:
    """Return the size of `folder` in MB; ends this check when that is more than the goal, which holds on Linux."""
    megabytes = size_mb(folder)
    if sys.platform == "linux" and megabytes >= GOAL_MB:
        raise SystemExit(f"{folder} takes {megabytes:.0f} MB, {GOAL_MB} MB is the goal")
    return megabytes


def expect_licences(program: Path) -> None:
    """End this check unless the licence texts lie beside the program, where it is not one file."""
    found = [path for path in _folder_of(program).rglob("licences/*") if path.name in ("GPL-3.0.txt", "SOURCES.md")]
    if program.suffix != ".AppImage" and len(found) != 2:
        raise SystemExit("the licences are not in the package")


def expect_languages(package: Package) -> None:
    """End this check unless the program speaks every language."""
    spoken = {package.run("--language", each.code, "--help") for each in LANGUAGES}
    if len(spoken) != len(LANGUAGES):
        raise SystemExit(f"of {len(LANGUAGES)} languages only {len(spoken)} are spoken")
    print(f"languages: {len(spoken)} spoken")


def _restore_picture(package: Package, suffix: str, bits: int) -> int:
    with av.open(str(DEMO)) as container:
        before = next(container.decode(video=0)).to_ndarray(format="bgr24")
    old, better = f"old{suffix}", f"better{suffix}"
    pixels = before if bits == 8 else before.astype(np.uint16) << (bits - 8)
    cv2.imwrite(str(package.folder / old), pixels, [cv2.IMWRITE_AVIF_DEPTH, bits] if suffix == ".avif" else [])
    package.run("restore", old, better)
    first, second = (cv2.imread(str(package.folder / name)) for name in (old, better))
    if first is None or second is None:
        raise SystemExit(f"a picture with the suffix {suffix} was not written")
    changed = int((cv2.absdiff(first, second) > 8).any(axis=2).sum())
    if not 1000 < changed < before.shape[0] * before.shape[1] / 2:
        raise SystemExit(f"the picture with the suffix {suffix} is not restored: {changed} pixels changed")
    return changed


def _restore_clip(package: Package) -> int:
    package.run("restore", str(DEMO), "better.mp4")
    counts = []
    for path in (DEMO, package.folder / "better.mp4"):
        with av.open(str(path)) as container:
            counts.append(sum(1 for _ in container.decode(video=0)))
    if counts[0] != counts[1]:
        raise SystemExit(f"the restored clip has {counts[1]} frames of {counts[0]}")
    return counts[1]


if __name__ == "__main__":
    sys.exit(main())
