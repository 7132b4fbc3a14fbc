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


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one package is built.

    `flags` tell wheels apart. `settings` are pip's `--config-settings`, in which `{folder}` stands for one to build in.
    `prepare`, if there is one, is handed the folder of the unpacked source, may change it, and returns environment
    variables for the build.
    """

    package: str
    version: str
    flags: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    prepare: Callable[[Path], Mapping[str, str]] | None = None


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
    print(f"{recipe.package} {recipe.version} is built from source; this takes a while", flush=True)
    with (cache / f"{folder.name}.log").open("w", encoding="utf-8") as log:

        def pip(*words: str, environment: Mapping[str, str] | None = None) -> None:
            command = [str(python), "-m", "pip", *words]
            environment = {**os.environ, **(environment or {})}
            subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, check=True)

        name = f"{recipe.package}=={recipe.version}"
        from_source = ("--no-deps", "--no-binary", recipe.package)
        settings = [f"--config-settings={each.format(folder=building / 'work')}" for each in recipe.settings]
        make = ("wheel", "--verbose", "--wheel-dir", str(building), *settings)
        if recipe.prepare is None:
            pip(*make, *from_source, name)
        else:
            pip("download", "--dest", str(building), *from_source, name)
            source = _unpack(next(building.glob("*.tar.gz")), building)
            pip(*make, "--no-deps", str(source), environment=recipe.prepare(source))
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
