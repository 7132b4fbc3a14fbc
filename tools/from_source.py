"""Builds wheels from source, once: what came out is used again while version, Python and flags are the same."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


def _leave(source: Path) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one package is built.

    `flags` tell wheels apart. `settings` are pip's `--config-settings`. `prepare` is handed the folder of the unpacked
    source, may change it, and returns environment variables for the build.
    """

    package: str
    version: str
    flags: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    prepare: Callable[[Path], Mapping[str, str]] = _leave


def built_wheel(recipe: Recipe, python: Path, cache: Path) -> Path:
    """Return the recipe's wheel for `python`, from `cache` or built into it; the log of the build stays there.

    Raises CalledProcessError when the build fails; nothing of it is taken for a wheel later.
    """
    tag = subprocess.check_output([str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    key = hashlib.sha256("\n".join((recipe.version, tag, *recipe.flags)).encode()).hexdigest()[:12]
    folder = cache / f"{recipe.package}-{recipe.version}-{key}"
    if wheels := sorted(folder.glob("*.whl")):
        return wheels[0]
    building = cache / f"{folder.name}.building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    pip = [str(python), "-m", "pip"]
    print(f"{recipe.package} {recipe.version} is built from source; this takes a while", flush=True)
    with (cache / f"{folder.name}.log").open("w", encoding="utf-8") as log:
        name = f"{recipe.package}=={recipe.version}"
        get = [*pip, "download", "--no-deps", "--no-binary", recipe.package, "--dest", str(building), name]
        subprocess.run(get, stdout=log, stderr=subprocess.STDOUT, check=True)
        source = _unpack(next(building.glob("*.tar.gz")), building)
        environment = {**os.environ, **recipe.prepare(source)}
        make = [*pip, "wheel", "--no-deps", "--verbose", "--wheel-dir", str(building)]
        make += [f"--config-settings={setting}" for setting in recipe.settings]
        subprocess.run([*make, str(source)], env=environment, stdout=log, stderr=subprocess.STDOUT, check=True)
    folder.mkdir(exist_ok=True)
    wheel = next(building.glob("*.whl"))
    wheel = wheel.rename(folder / wheel.name)
    shutil.rmtree(building)
    return wheel


def _unpack(archive: Path, building: Path) -> Path:
    """Unpack the one folder of `archive` and return where it lies."""
    with tarfile.open(archive) as file:
        file.extractall(building / "unpacked", filter="data")
    (folder,) = (building / "unpacked").iterdir()
    return folder
