"""The model store: what `models/manifest.json` names, checked against the disk before anything is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.errors import ManifestError, ModelIntegrityError, ModelMissingError
from app.core.types import CROP_SIZE
from app.restorers.base import Restorer
from app.restorers.cfrnet import CFRNetRestorer

MODELS_FOLDER = Path(__file__).resolve().parents[2] / "models"
_SCHEMA = 1
_TEMPLATE = "ffhq-256"
_REPAIR = "Fetch the models folder again, for example with `git checkout -- models`."


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One line of the manifest. `k_range` is (0, 0) for a model that is no restorer."""

    name: str
    kind: str
    precision: str
    path: Path
    sha256: str
    bytes: int
    licence: str
    k_range: tuple[int, int] = (0, 0)
    metrics: Mapping[str, Any] = field(default_factory=dict)


class ModelStore:
    """The models in one folder. Reading the manifest is left to the first use, so making a store never fails."""

    def __init__(self, folder: Path = MODELS_FOLDER) -> None:
        self.folder = folder
        self._entries: tuple[ModelEntry, ...] | None = None

    def entries(self) -> list[ModelEntry]:
        """Every model that the manifest names, in its order. Raises ManifestError."""
        if self._entries is None:
            self._entries = _read_manifest(self.folder)
        return list(self._entries)

    def restorer_names(self) -> list[str]:
        """Names of the restorers, without repetition, in the manifest's order. Raises ManifestError."""
        return list(dict.fromkeys(entry.name for entry in self.entries() if entry.kind == "restorer"))

    def verify(self, entry: ModelEntry) -> None:
        """Compare the file with the manifest. Raises ModelMissingError or ModelIntegrityError."""
        try:
            with entry.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelMissingError(
                f"The model {entry.name} ({entry.precision}) cannot be read: {entry.path} ({error.strerror}), "
                f"expected SHA-256 {entry.sha256}.",
                _REPAIR,
            ) from error
        if found != entry.sha256:
            raise ModelIntegrityError(
                f"The model {entry.name} ({entry.precision}) is not the one that was shipped: {entry.path} has "
                f"SHA-256 {found}, the manifest says {entry.sha256}.",
                _REPAIR,
            )

    def path(self, name: str, precision: str) -> Path:
        """The verified file of a model. Raises ModelMissingError, ModelIntegrityError or ManifestError."""
        entry = self._entry(name, precision)
        self.verify(entry)
        return entry.path

    def detector_paths(self) -> tuple[Path, Path]:
        """The verified files of the face detector, for whole pictures and for windows. Raises as `path` does."""
        return self._path_of_kind("detector"), self._path_of_kind("window-detector")

    def _path_of_kind(self, kind: str) -> Path:
        for entry in self.entries():
            if entry.kind == kind:
                self.verify(entry)
                return entry.path
        raise ModelMissingError(f"No {kind} is named in {self.folder / 'manifest.json'}.", _REPAIR)

    def create_restorer(
        self, name: str, precision: str, threads: int = 0, *, provider: str = "cpu", spinning: bool = False
    ) -> Restorer:
        """A restorer, ready but not warmed up. Raises as `path` does, and InferenceError."""
        entry = self._entry(name, precision)
        if entry.kind != "restorer":
            raise ModelMissingError(
                f"The model {name} is a {entry.kind}, not a restorer.",
                f"Restorers are: {', '.join(self.restorer_names())}.",
            )
        self.verify(entry)
        return CFRNetRestorer(
            entry.path,
            name=entry.name,
            precision=entry.precision,
            k_range=entry.k_range,
            provider=provider,
            threads=threads,
            spinning=spinning,
        )

    def _entry(self, name: str, precision: str) -> ModelEntry:
        for entry in self.entries():
            if (entry.name, entry.precision) == (name, precision):
                return entry
        known = ", ".join(f"{entry.name} ({entry.precision})" for entry in self.entries())
        raise ModelMissingError(f"There is no model {name} ({precision}).", f"The manifest names: {known}.")


def _read_manifest(folder: Path) -> tuple[ModelEntry, ...]:
    path = folder / "manifest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"The list of models cannot be read: {path} ({error.strerror}).", _REPAIR) from error
    except ValueError as error:
        raise ManifestError(f"The list of models is damaged: {path} ({error}).", _REPAIR) from error
    try:
        if content["schema"] != _SCHEMA:
            raise ValueError(f"schema {content['schema']!r}, this application reads {_SCHEMA}")
        return tuple(_read_entry(folder, raw) for raw in content["models"])
    except KeyError as error:
        raise ManifestError(f"The list of models {path} lacks the field {error}.", _REPAIR) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ManifestError(f"The list of models {path} cannot be used: {error}.", _REPAIR) from error


def _read_entry(folder: Path, raw: Mapping[str, Any]) -> ModelEntry:
    file = Path(raw["file"])
    if file.name != raw["file"]:
        raise ValueError(f"{raw['file']!r} is not a plain file name")
    k_range = (0, 0)
    if raw["kind"] == "restorer":
        # A network of another geometry or value range would run and paint nonsense, so refuse it by name.
        expected = {"layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": CROP_SIZE}
        given = {key: raw["input"][key] for key in expected}
        if given != expected or raw["template"] != _TEMPLATE:
            raise ValueError(
                f"{raw['name']} takes {given} on template {raw['template']}, not {expected} on {_TEMPLATE}"
            )
        low, high = (int(bound) for bound in raw["k_range"])
        if not 1 <= low <= high:
            raise ValueError(f"{raw['name']} has the k range {low} to {high}")
        k_range = (low, high)
    return ModelEntry(
        name=str(raw["name"]),
        kind=str(raw["kind"]),
        precision=str(raw["precision"]),
        path=folder / file,
        sha256=str(raw["sha256"]).lower(),
        bytes=int(raw["bytes"]),
        licence=str(raw["licence"]),
        k_range=k_range,
        metrics=raw.get("metrics", {}),
    )
