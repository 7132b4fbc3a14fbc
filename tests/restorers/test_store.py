"""The manifest against the disk: what is missing or altered is refused by name, with both hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnx import TensorProto, helper

from app.core.errors import AppError, ManifestError, ModelIntegrityError, ModelMissingError
from app.faces.detector import FaceDetector
from app.restorers.model_file import MOST_MODEL_BYTES
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
    assert sorted(store.restorer_names()) == ["cfrnet", "cfrnet-d", "cfrnet-rt", "hifacegan-lite", "pfsrnet"]
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


@pytest.mark.parametrize("kind", ["restorer", "detector", "window-detector", "sweep-detector"])
def test_a_missing_model_is_named(copied: Path, kind: str) -> None:
    store = ModelStore(copied)
    entry = next(entry for entry in store.entries() if entry.kind == kind)
    entry.path.unlink()
    whole = kind if kind == "sweep-detector" else "detector"
    with pytest.raises(ModelMissingError) as caught:
        store.path(entry.name, entry.precision) if kind == "restorer" else store.detectors(whole)
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
        ({"k_range": [1, 9]}, "1 to 9"),
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


def test_the_bytes_that_were_hashed_are_those_that_are_loaded(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever exchanges a file after it was hashed changes nothing: no path ever reaches the inference engine."""
    given: list[object] = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, model: object, *arguments: Any, **options: Any) -> None:
            given.append(model)
            super().__init__(model, *arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    store = ModelStore(copied)
    store.create_restorer()
    FaceDetector(*store.detectors())
    assert len(given) == 3
    assert all(isinstance(model, bytes) for model in given)


def describe_anew(folder: Path, content: bytes) -> None:
    """Exchange the first restorer's file and let the manifest promise the new one."""
    entry = ModelStore(folder).entries()[0]
    entry.path.write_bytes(content)
    edit_manifest(folder, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


@pytest.mark.parametrize("place", ["initializer", "attribute", "subgraph"])
def test_a_model_with_weights_in_other_files_is_refused(copied: Path, place: str) -> None:
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1], [0.5])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../secret.bin")
    constant = helper.make_node("Constant", [], ["c"], value=weights)
    inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])])
    nodes = {
        "initializer": [helper.make_node("Identity", ["weights"], ["y"])],
        "attribute": [constant, helper.make_node("Identity", ["c"], ["y"])],
        "subgraph": [helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)],
    }[place]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.BOOL, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [weights] if place == "initializer" else [],
    )
    describe_anew(copied, helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelIntegrityError, match="other files"):
        ModelStore(copied).load(ModelStore(copied).entries()[0])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["endless device", "pipe", "folder"])
@pytest.mark.parametrize("name", ["model", "manifest.json"])
def test_what_is_no_regular_file_is_refused_at_once(copied: Path, kind: str, name: str) -> None:
    path = ModelStore(copied).entries()[0].path if name == "model" else copied / name
    path.unlink()
    if kind == "endless device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    store = ModelStore(copied)
    with pytest.raises(ManifestError if name == "manifest.json" else ModelMissingError, match=path.name):
        store.load(store.entries()[0])


def test_a_file_that_is_too_large_or_too_deep_is_refused(copied: Path) -> None:
    entry = ModelStore(copied).entries()[0]
    with entry.path.open("r+b") as file:
        file.truncate(MOST_MODEL_BYTES + 1)  # a hole that takes no room
    with pytest.raises(ModelMissingError, match="at most"):
        ModelStore(copied).load(entry)
    (copied / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(ManifestError, match="damaged"):
        ModelStore(copied).entries()
    (copied / "manifest.json").write_text('{"a": "' + "b" * 1_000_001 + '"}')
    with pytest.raises(ManifestError, match="at most"):
        ModelStore(copied).entries()


def test_a_link_to_a_model_is_a_model(copied: Path, tmp_path: Path) -> None:
    entry = ModelStore(copied).entries()[0]
    entry.path.rename(tmp_path / "elsewhere.onnx")
    entry.path.symlink_to(tmp_path / "elsewhere.onnx")
    assert len(ModelStore(copied).load(entry)) == entry.bytes
