"""Data files are found in a checkout; `tests/tools/test_installed.py` finds them in a wheel."""

from __future__ import annotations

from pathlib import Path

from app.core.resources import resource_folder, third_party_packages
from tools.third_party import pinned

ROOT = Path(__file__).parents[2]


def test_a_checkout_has_its_data_beside_the_package() -> None:
    assert resource_folder("models") == ROOT / "models"
    assert (resource_folder("assets") / "demo.mp4").is_file()


def test_every_package_is_listed_with_its_licence() -> None:
    packages = dict(third_party_packages())
    assert len(packages) == len(pinned(ROOT / "requirements.txt", everywhere=True))
    assert any(name.startswith("numpy ") and "BSD" in licence for name, licence in packages.items())
