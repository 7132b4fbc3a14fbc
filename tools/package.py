"""Builds what people without Python install, for the system that it runs on, into dist/.

    python tools/package.py                 the folder, then: Linux .tar.gz and AppImage, macOS .dmg, Windows installer
    python tools/package.py --folder-only   the folder alone
    python tools/package.py --no-compiler   OpenCV and NumPy as their makers build them, 80 MB larger

PyInstaller makes the folder, in an environment of its own in build/package/ with the packages of requirements.txt. On
Linux OpenCV and NumPy are built from source first, once (tools/small_opencv.py, tools/small_numpy.py); what came out is
kept in build/wheels/.
`tools/check_package.py` then runs what was built. Tools of the system that are missing are named and their step is left
out: appimagetool on Linux, Inno Setup (iscc) on Windows. With CFRNET_LIVE_SIGN_IDENTITY (macOS: a codesign identity;
Windows: a certificate's subject for signtool) the result is signed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import plistlib
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "package"
DIST = ROOT / "dist"
NAME = "cfrnet-live"
GOAL_MB = 300
"""What a package may take at most, unpacked; tools/check_package.py refuses a larger one."""

EXCLUDED = (
    *("torch", "training", "tests", "tools", "pytest", "tkinter", "matplotlib", "IPython", "pyvirtualcam"),
    *("scipy", "skimage", "imageio", "networkx"),  # see tools/package_hooks/unused.py
    *("dbm", "_dbm", "_gdbm"),  # with the data bases behind them; nothing opens one
    *(f"PySide6.{name}" for name in ("QtDBus", "QtNetwork", "QtOpenGL", "QtOpenGLWidgets", "QtTest")),
    "pyqtgraph.opengl",
)
_CAMERA_TEXT = "CFRNet Live restores the faces that your camera sees. Nothing leaves this computer."
_MICROPHONE_TEXT = "CFRNet Live records sound beside your camera and shows its level, unless you choose no sound."

_DESKTOP = """\
[Desktop Entry]
Type=Application
Name=CFRNet Live
Comment=Restores faces live
Exec=cfrnet-live
Icon=cfrnet-live
Categories=AudioVideo;Video;
Terminal=false
"""

_INNO = """\
[Setup]
AppName=CFRNet Live
AppVersion={version}
DefaultDirName={{autopf}}\\CFRNet Live
DefaultGroupName=CFRNet Live
PrivilegesRequired=lowest
OutputDir={dist}
OutputBaseFilename=cfrnet-live-{version}-windows
UninstallDisplayIcon={{app}}\\cfrnet-live.exe
ArchitecturesInstallIn64BitMode=x64compatible
[Files]
Source: "{folder}\\*"; DestDir: "{{app}}"; Flags: recursesubdirs
[Icons]
Name: "{{group}}\\CFRNet Live"; Filename: "{{app}}\\cfrnet-live.exe"
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder-only", action="store_true", help="make no archive and no installer")
    parser.add_argument("--no-compiler", action="store_true", help="take OpenCV and NumPy as their makers build them")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "wheels", help="where compiled ones are kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers at once")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if not options.inside:
        python = _environment(not options.no_compiler and can_compile(), options.cache, options.jobs)
        return subprocess.call([str(python), __file__, "--inside", *sys.argv[1:]], cwd=ROOT)
    from tools.package_size import size_mb

    folder = build_folder()
    megabytes = size_mb(folder)
    print(f"{folder}: {megabytes:.0f} MB unpacked, the goal is {GOAL_MB} MB")
    if not options.folder_only:
        for path in archives(folder):
            print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")
    return 0


def can_compile() -> bool:
    """Whether OpenCV and NumPy can be built from source here; says what to install where it could be so."""
    from tools.small_opencv import missing

    if not sys.platform.startswith("linux"):
        return False
    if lacking := missing():
        print(
            "OpenCV and NumPy are taken from their wheels, which makes the package 80 MB larger than it may be. "
            f"To compile them: apt install {' '.join(lacking)}",
            file=sys.stderr,
        )
    return not lacking


def version() -> str:
    """The application's version: app/__init__.py is the one place where it stands."""
    match = re.search(r'__version__ = "(.+)"', (ROOT / "app" / "__init__.py").read_text(encoding="utf-8"))
    assert match is not None, "app/__init__.py has the version"
    return match[1]


def package_requirements() -> str:
    """requirements.txt without what only people need who run from source: OpenCV comes without its own Qt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return re.sub(r"^opencv-python==", "opencv-python-headless==", text, flags=re.MULTILINE)


def pinned_version(package: str) -> str:
    """The version of `package` that requirements.txt pins for a package without Python."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", package_requirements(), flags=re.MULTILINE)
    assert match is not None, f"requirements.txt pins {package}"
    return match[1]


def build_folder() -> Path:
    """Run PyInstaller; returns the folder of the program (macOS: the .app)."""
    import av
    import cv2
    import PyInstaller.__main__

    from tools.package_data import package_data
    from tools.package_size import shrink
    from tools.small_opencv import names_used
    from tools.system_licences import add_system_licences
    from tools.third_party import pinned, write_licences

    if lacking := names_used(ROOT / "app") - set(dir(cv2)):
        raise SystemExit(f"the application calls what this OpenCV lacks: {', '.join(sorted(lacking))}")
    BUILD.mkdir(parents=True, exist_ok=True)
    licences = BUILD / "licences"
    shutil.rmtree(licences, ignore_errors=True)
    requirements = BUILD / "requirements.txt"
    write_licences(
        licences,
        pinned(requirements),
        version=version(),
        ffmpeg=av.ffmpeg_version_info,
        x265=sys.platform != "linux",  # package_size.py takes it out
    )
    data = [f"{source}{os.pathsep}{Path(place).parent.as_posix()}" for source, place in package_data(ROOT).items()]
    data.append(f"{licences}{os.pathsep}licences")
    data.append(f"{_installed('skimage') / 'data' / 'astronaut.png'}{os.pathsep}app/data")
    words = ["--noconfirm", "--clean", "--log-level=WARN", "--name", NAME, "--onedir"]
    words += ["--distpath", str(DIST), "--workpath", str(BUILD / "work"), "--specpath", str(BUILD)]
    words += ["--paths", str(ROOT), "--icon", str(_icon()), "--collect-submodules", "app"]
    words += ["--runtime-hook", str(ROOT / "tools" / "package_hooks" / "unused.py")]
    words += [word for each in data for word in ("--add-data", each)]
    words += [word for name in EXCLUDED for word in ("--exclude-module", name)]
    if sys.platform == "darwin":
        words += ["--windowed", "--osx-bundle-identifier", "live.cfrnet.app"]
    if sys.platform == "win32":
        words += ["--hide-console", "hide-early"]  # a console for the command line, none after a double click
    PyInstaller.__main__.run([*words, str(ROOT / "main.py")])
    if sys.platform == "darwin":
        return _finish_bundle(DIST / f"{NAME}.app")
    if sys.platform == "linux":
        shrink(DIST / NAME / "_internal")
        add_system_licences(DIST / NAME / "_internal", DIST / NAME / "_internal" / "licences")
    return DIST / NAME


def archives(folder: Path) -> list[Path]:
    """What is handed out, made from the folder."""
    if sys.platform == "darwin":
        return [_dmg(folder)]
    if sys.platform == "win32":
        return _windows_installer(folder)
    archive = DIST / f"{NAME}-{version()}-linux.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=6) as file:
        file.add(folder, arcname=f"{NAME}-{version()}")
    return [archive, *_appimage(folder)]


def _environment(compiled: bool, cache: Path, jobs: int) -> Path:
    """The Python of the packaging environment, made anew when a requirement or a compiler flag changed."""
    from tools import small_numpy, small_opencv
    from tools.from_source import built_wheel

    folder = BUILD / "venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = package_requirements() + (ROOT / "requirements-package.txt").read_text(encoding="utf-8")
    if compiled:
        wanted += f"# from source: {' '.join((*small_opencv.FLAGS, *small_numpy.FLAGS))}\n"
    requirements, stamp = BUILD / "requirements.txt", BUILD / "ready"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    requirements.write_text(package_requirements(), encoding="utf-8")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Every package is pinned; without --no-deps InsightFace would bring OpenCV with Qt along.
    subprocess.run([*install, "--no-deps", "-r", str(requirements)], check=True)
    subprocess.run([*install, "-r", str(ROOT / "requirements-package.txt")], check=True)
    if compiled:
        for recipe in (
            small_numpy.recipe(pinned_version(small_numpy.PACKAGE), jobs=jobs),
            small_opencv.recipe(python, pinned_version(small_opencv.PACKAGE), jobs=jobs),
        ):
            wheel = built_wheel(recipe, python, cache)
            subprocess.run([*install, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _installed(package: str) -> Path:
    """The folder of an installed package."""
    specification = importlib.util.find_spec(package)
    assert specification is not None, f"{package} is in requirements.txt"
    assert specification.origin is not None
    return Path(specification.origin).parent


def _icon() -> Path:
    """The application's icon in the format of this system, drawn from assets/icon.svg."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PIL import Image
    from PySide6.QtGui import QGuiApplication, QIcon

    application = QGuiApplication.instance() or QGuiApplication([])
    png = BUILD / f"{NAME}.png"
    QIcon(str(ROOT / "assets" / "icon.svg")).pixmap(256, 256).save(str(png))
    del application
    suffix = {"win32": ".ico", "darwin": ".icns"}.get(sys.platform, ".png")
    target = png.with_suffix(suffix)
    if target != png:
        Image.open(png).save(target)
    return target


def _finish_bundle(bundle: Path) -> Path:
    """Say in the bundle why the camera is wanted, which macOS shows; sign it anew, as its contents changed."""
    path = bundle / "Contents" / "Info.plist"
    information = plistlib.loads(path.read_bytes())
    information |= {
        "CFBundleDisplayName": "CFRNet Live",
        "CFBundleShortVersionString": version(),
        "NSCameraUsageDescription": _CAMERA_TEXT,
        "NSMicrophoneUsageDescription": _MICROPHONE_TEXT,
        "NSHighResolutionCapable": True,
    }
    path.write_bytes(plistlib.dumps(information))
    identity = os.environ.get("CFRNET_LIVE_SIGN_IDENTITY") or "-"  # "-" signs for this machine alone
    subprocess.run(["codesign", "--force", "--deep", "--sign", identity, str(bundle)], check=True)
    return bundle


def _dmg(bundle: Path) -> Path:
    image = DIST / f"{NAME}-{version()}-macos.dmg"
    words = ["hdiutil", "create", "-volname", "CFRNet Live", "-srcfolder", str(bundle), "-ov", "-format", "UDZO"]
    subprocess.run([*words, str(image)], check=True)
    return image


def _windows_installer(folder: Path) -> list[Path]:
    compiler = shutil.which("iscc")
    if compiler is None:
        print("no installer: Inno Setup's iscc is not on the PATH", file=sys.stderr)
        return []
    identity = os.environ.get("CFRNET_LIVE_SIGN_IDENTITY")
    if identity:
        _sign_windows(folder / f"{NAME}.exe", identity)
    script = BUILD / f"{NAME}.iss"
    script.write_text(_INNO.format(version=version(), dist=DIST, folder=folder), encoding="utf-8")
    subprocess.run([compiler, "/Q", str(script)], check=True)
    installer = DIST / f"{NAME}-{version()}-windows.exe"
    if identity:
        _sign_windows(installer, identity)
    return [installer]


def _sign_windows(path: Path, identity: str) -> None:
    subprocess.run(["signtool", "sign", "/n", identity, "/fd", "SHA256", str(path)], check=True)


def _appimage(folder: Path) -> list[Path]:
    tool = shutil.which("appimagetool")
    if tool is None:
        print("no AppImage: appimagetool is not on the PATH", file=sys.stderr)
        return []
    tree = BUILD / "AppDir"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(folder, tree / "usr" / "bin", symlinks=True)
    (tree / "AppRun").symlink_to(f"usr/bin/{NAME}")
    (tree / f"{NAME}.desktop").write_text(_DESKTOP, encoding="utf-8")
    shutil.copyfile(BUILD / f"{NAME}.png", tree / f"{NAME}.png")
    target = DIST / f"{NAME}-{version()}-linux.AppImage"
    subprocess.run([tool, str(tree), str(target)], check=True, env={**os.environ, "ARCH": platform.machine()})
    return [target]


if __name__ == "__main__":
    sys.exit(main())
