"""Runs a built package the way a person without Python does, and fails when anything is missing.

    python tools/check_package.py                           what tools/package.py built
    python tools/check_package.py --program dist/x/y        another one, such as an AppImage

The models are verified, a picture and the demo clip are restored, and the window is opened on the demo clip until it
shows a restored picture, on a screen of its own where there is none. There is no Python on the PATH, and the folder
and the environment are empty.
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.virtual_display import virtual_display  # noqa: E402

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
        print(f"picture: {_restore_picture(package)} pixels changed")
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


def _restore_picture(package: Package) -> int:
    with av.open(str(DEMO)) as container:
        before = next(container.decode(video=0)).to_ndarray(format="bgr24")
    cv2.imwrite(str(package.folder / "old.png"), before)
    package.run("restore", "old.png", "better.png")
    after = cv2.imread(str(package.folder / "better.png"))
    changed = int((after != before).any(axis=2).sum()) if after is not None else 0
    if changed < 1000:
        raise SystemExit(f"the picture is not restored: {changed} pixels changed")
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
