"""The manifest against the disk: what is missing or altered is refused by name, with both hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import AppError, ManifestError, ModelIntegrityError, ModelMissingError
from app.restorers.store import MODELS_FOLDER, ModelStore


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A models folder that a test may spoil."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("manifest.json", *(entry.path.name for entry in ModelStore().entries())):
        shutil.copy(MODELS_FOLDER / name, folder / name)
    return folder


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Change fields of the first restorer's entry; None takes a field away."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    entry = next(model for model in content["models"] if model["kind"] == "restorer")
    for key, value in changes.items():
        if value is None:
            del entry[key]
        else:
            entry[key] = value
    path.write_text(json.dumps(content))


def test_everything_that_ships_is_whole() -> None:
    store = ModelStore()
    for entry in store.entries():
        store.load(entry)
        assert entry.path.stat().st_size == entry.bytes
        assert entry.licence
    assert "cfrnet-rt" in store.restorer_names()
    assert len(store.restorer_names()) == len(set(store.restorer_names()))
    assert all(path.name.startswith("scrfd") for path in store.detector_paths())


def test_an_altered_model_is_refused_with_both_hashes(copied: Path) -> None:
    store = ModelStore(copied)
    entry = next(entry for entry in store.entries() if (entry.name, entry.precision) == ("cfrnet-rt", "int8"))
    content = bytearray(entry.path.read_bytes())
    content[len(content) // 2] ^= 1
    entry.path.write_bytes(content)

    with pytest.raises(ModelIntegrityError) as caught:
        store.create_restorer("cfrnet-rt", "int8")

    said = str(caught.value)
    assert entry.sha256 in said
    assert hashlib.sha256(content).hexdigest() in said
    assert "cfrnet-rt" in said
    assert str(entry.path) in said
    assert caught.value.hint


@pytest.mark.parametrize("kind", ["restorer", "detector", "window-detector"])
def test_a_missing_model_is_named(copied: Path, kind: str) -> None:
    store = ModelStore(copied)
    entry = next(entry for entry in store.entries() if entry.kind == kind)
    entry.path.unlink()
    with pytest.raises(ModelMissingError) as caught:
        store.path(entry.name, entry.precision) if kind == "restorer" else store.detector_paths()
    assert entry.path.name in str(caught.value)
    assert entry.sha256 in str(caught.value)


def test_an_unknown_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelMissingError, match=r"nobody.*cfrnet-rt"):
        ModelStore().create_restorer("nobody", "int8")
    with pytest.raises(ModelMissingError, match="not a restorer"):
        ModelStore().create_restorer("scrfd-2.5g-kps", "fp32")


def test_making_a_store_never_fails_but_reading_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        ModelStore(tmp_path / "nowhere").entries()
    (tmp_path / "manifest.json").write_text("{ half")
    with pytest.raises(ManifestError, match="damaged"):
        ModelStore(tmp_path).entries()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": None}, "sha256"),
        ({"k_range": None}, "k_range"),
        ({"k_range": [3, 1]}, "k range"),
        ({"file": "../secret.onnx"}, "secret"),
        ({"template": "arcface-112"}, "arcface-112"),
        ({"family": None}, "family"),
        ({"family": "nobodys"}, "nobodys"),
        ({"k_range": [1, 9]}, "1 to 4"),
        ({"k_range": [True, 4]}, "k range"),
        ({"output": {"layout": "NCHW", "colour": "RGB", "range": [-1, 1], "size": 128}}, "output"),
        ({"bytes": 1 << 40}, "bytes"),
        ({"bytes": -1}, "bytes"),
        ({"name": "a\0b"}, "name"),
        ({"file": "a\0b.onnx"}, "file"),
        ({"file": "notes.txt"}, "file"),
        ({"kind": "virus"}, "kind"),
        ({"precision": "int4"}, "precision"),
        ({"licence": "\x1b[2J"}, "licence"),
        ({"metrics": 3}, "metrics"),
        ({"input": {"layout": "NCHW", "colour": "RGB", "range": [0, 1], "size": 256}}, "range"),
        ({"bytes": "many"}, "many"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(copied: Path, changes: dict[str, Any], words: str) -> None:
    edit_manifest(copied, **changes)
    with pytest.raises(ManifestError, match=words):
        ModelStore(copied).entries()


@pytest.mark.parametrize("text", ["[]", '{"schema": 99, "models": []}', '{"schema": 1}', '{"schema": 1, "models": 3}'])
def test_a_manifest_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(AppError) as caught:
        ModelStore(tmp_path).entries()
    assert isinstance(caught.value, ManifestError)
