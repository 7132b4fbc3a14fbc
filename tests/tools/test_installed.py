"""The wheel as a person gets it: it works outside the checkout, with its models and assets, and says what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import cv2
import pytest
import skimage.data
from packaging.requirements import Requirement

from app import __version__
from tools.third_party import licence_texts, page, pinned, write_licences

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob(f"cfrnet_live-{__version__}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Carry out a command line as the entry point does, in `folder`."""
    program = "import sys; from app.cli import console; sys.argv[0] = 'cfrnet-live'; sys.exit(console())"
    environment = {**os.environ, "PYTHONPATH": str(installed), "CFRNET_LIVE_LOG_FOLDER": str(folder / "log")}
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_the_wheel_has_what_the_application_needs_and_nothing_else(installed: Path) -> None:
    data = installed / "app" / "data"
    assert {path.name for path in (data / "models").iterdir()} >= {"manifest.json", "cfrnet-rt.int8.onnx"}
    assert not list(installed.rglob("*.pt"))
    assert (data / "assets" / "demo.mp4").stat().st_size > 100_000
    assert (data / "assets" / "icons" / "camera.svg").is_file()
    assert (data / "licences" / "THIRD_PARTY.md").is_file()
    top = {path.name for path in installed.iterdir()}
    assert top == {"app", f"cfrnet_live-{__version__}.dist-info"}
    (scripts,) = installed.rglob("entry_points.txt")
    assert "cfrnet-live = app.cli:console" in scripts.read_text(encoding="utf-8")


def test_it_restores_outside_the_checkout_with_its_own_models(installed: Path, tmp_path: Path) -> None:
    picture = skimage.data.astronaut()[:, :, ::-1]
    cv2.imwrite(str(tmp_path / "old.png"), picture)
    answer = run(installed, tmp_path, "restore", "old.png", "better.png")
    assert answer.returncode == 0, answer.stderr
    better = cv2.imread(str(tmp_path / "better.png"))
    assert better.shape == picture.shape
    assert (better != picture).any()
    models = run(installed, tmp_path, "models")
    assert models.returncode == 0, models.stderr
    assert "MISSING" not in models.stdout


def test_help_names_the_program_as_it_was_started(installed: Path, tmp_path: Path) -> None:
    text = run(installed, tmp_path, "--help").stdout
    assert "cfrnet-live restore old.jpg better.png" in text
    assert "python main.py" not in text


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = {name.lower(): version for line in lines if "==" in line for name, version in [line.split()[0].split("==")]}
    for text in project["dependencies"]:
        dependency = Requirement(text)
        assert dependency.specifier.contains(pins[dependency.name.lower()]), text


def test_every_third_party_package_is_named_with_its_licence() -> None:
    assert (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8") == page(), "run python tools/third_party.py"
    assert {"numpy", "av", "PySide6-Essentials"} <= set(pinned(ROOT / "requirements.txt"))
    (pytest_script,) = [entry for entry in entry_points(group="console_scripts") if entry.name == "pytest"]
    assert pytest_script.dist is not None
    assert licence_texts(pytest_script.dist), "a package's licence text is found"


def test_an_installer_has_every_licence_and_says_where_the_sources_are(tmp_path: Path) -> None:
    write_licences(tmp_path, ["av", "numpy", "PySide6-Essentials"], version="1.2.3", ffmpeg="8.1.2", x265=True)
    assert "GNU GENERAL PUBLIC LICENSE" in (tmp_path / "GPL-3.0.txt").read_text(encoding="utf-8")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (tmp_path / "LGPL-3.0.txt").read_text(encoding="utf-8")
    assert list((tmp_path / "av").iterdir())
    sources = (tmp_path / "SOURCES.md").read_text(encoding="utf-8")
    for words in ("CFRNet Live 1.2.3", "FFmpeg 8.1.2", "x264", "x265_git", "| numpy | ", "numpy/numpy", "| av | "):
        assert words in sources
    write_licences(tmp_path, ["av"], version="1.2.3", ffmpeg="8.1.2", x265=False)
    assert "x265" not in (tmp_path / "SOURCES.md").read_text(encoding="utf-8"), "not part of the package on Linux"
