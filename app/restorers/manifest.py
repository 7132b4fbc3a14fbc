"""The manifest `models/manifest.json`, which describes every model, checked field by field when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.errors import ManifestError
from app.core.words import phrase
from app.restorers.families import family
from app.restorers.family import Family
from app.restorers.model_file import MOST_MODEL_BYTES, read_regular_file

SCHEMA = 2
REPAIR = phrase("Fetch the models folder again, for example with `git checkout -- models`.")
PRECISIONS = ("int8", "fp16", "fp32")
"""The precisions, from the smallest to the reference."""

KINDS = ("restorer", "detector", "window-detector", "sweep-detector")
_MOST_MANIFEST_BYTES = 1_000_000
_MOST_CYCLES = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.onnx")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MOST_TEXT = 1000


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One entry of the manifest. `family` is None and `k_range` (0, 0) for a model that is no restorer.

    With `halved` the file is the FP32 one, which is converted to FP16 when it is opened.
    """

    name: str
    kind: str
    precision: str
    path: Path
    sha256: str
    bytes: int
    licence: str
    source: str
    family: Family | None = None
    k_range: tuple[int, int] = (0, 0)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    halved: bool = False


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Every model in the manifest's order, and the default restorer."""

    entries: tuple[ModelEntry, ...]
    default: str


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the models in `folder`. Raises ManifestError, which names the file and the field."""
    path = folder / "manifest.json"
    try:
        content = json.loads(read_regular_file(path, most=_MOST_MANIFEST_BYTES).decode())
    except OSError as error:
        raise ManifestError(
            "The list of models cannot be read: {path} ({reason}).", REPAIR, path=path, reason=error.strerror or error
        ) from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            "The list of models is damaged: {path} ({error}).", REPAIR, path=path, error=error
        ) from error
    try:
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']!r}, this application reads {SCHEMA}")
        entries = tuple(_read_entry(folder, raw) for raw in content["models"])
        _check_together(entries)
        return Manifest(entries=entries, default=_default(content, entries))
    except KeyError as error:
        raise ManifestError(
            "The list of models {path} lacks the field {error}.", REPAIR, path=path, error=error
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ManifestError(
            "The list of models {path} cannot be used: {error}.", REPAIR, path=path, error=error
        ) from error


def _default(content: Mapping[str, Any], entries: tuple[ModelEntry, ...]) -> str:
    default = content["default"]
    if not any(entry.name == default and entry.kind == "restorer" for entry in entries):
        raise ValueError(f"the default {default!r} is none of its restorers")
    return str(default)


def _check_together(entries: tuple[ModelEntry, ...]) -> None:
    seen: dict[str, ModelEntry] = {}
    precisions: set[tuple[str, str]] = set()
    for entry in entries:
        first = seen.setdefault(entry.name, entry)
        if (entry.name, entry.precision) in precisions:
            raise ValueError(f"{entry.name} ({entry.precision}) is named twice")
        if (entry.kind, entry.family, entry.k_range) != (first.kind, first.family, first.k_range):
            raise ValueError(f"the precisions of {entry.name} differ in more than their precision")
        precisions.add((entry.name, entry.precision))


def _read_entry(folder: Path, raw: Mapping[str, Any]) -> ModelEntry:
    name = _text(raw, "name", _NAME)
    kind, precision = _one_of(raw, "kind", KINDS), _one_of(raw, "precision", PRECISIONS)
    size = raw["bytes"]
    if type(size) is not int or not 0 < size <= MOST_MODEL_BYTES:
        raise ValueError(f"{name} cannot have {size!r} bytes")
    metrics = raw.get("metrics", {})
    if not isinstance(metrics, dict):
        raise ValueError(f"the metrics of {name} are no table")
    of_kind, k_range = _read_restorer(name, raw) if kind == "restorer" else (None, (0, 0))
    return ModelEntry(
        name=name,
        kind=kind,
        precision=precision,
        path=folder / _text(raw, "file", _FILE),
        sha256=_text(raw, "sha256", _SHA256).lower(),
        bytes=size,
        licence=_text(raw, "licence"),
        source=_text(raw, "source"),
        family=of_kind,
        k_range=k_range,
        metrics=metrics,
    )


def _read_restorer(name: str, raw: Mapping[str, Any]) -> tuple[Family, tuple[int, int]]:
    """Read a restorer's entry; refuse other geometries and value ranges, which would run and produce nonsense."""
    try:
        its = family(_text(raw, "family", _NAME))
    except KeyError as error:
        if "family" not in raw:
            raise
        raise ValueError(f"{name} is of an {error.args[0]}") from error
    expected = {"input": its.takes.described(), "output": its.gives.described(), "template": its.template}
    for key, needed in expected.items():
        given = raw[key]
        if isinstance(needed, dict):
            given = {field: given[field] for field in needed}
        if given != needed:
            raise ValueError(f"the {key} of {name} is {given}, that of the family {its.name} is {needed}")
    low, high = raw["k_range"]
    lowest, highest = its.k_range
    if type(low) is not int or type(high) is not int or not lowest <= low <= high <= min(highest, _MOST_CYCLES):
        raise ValueError(f"{name} has the k range {low} to {high}, the family {its.name} {lowest} to {highest}")
    return its, (low, high)


def _text(raw: Mapping[str, Any], key: str, pattern: re.Pattern[str] | None = None) -> str:
    value = raw[key]
    good = isinstance(value, str) and 0 < len(value) <= _MOST_TEXT and value.isprintable()
    if not good or (pattern is not None and not pattern.fullmatch(value)):
        raise ValueError(f"{key} cannot be {str(value)[:80]!r}")
    return str(value)


def _one_of(raw: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str:
    if raw[key] not in known:
        raise ValueError(f"{key} cannot be {str(raw[key])[:80]!r}; known: {', '.join(known)}")
    return str(raw[key])
