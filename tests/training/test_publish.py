"""From weights to the files that the application loads."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from app.restorers.store import ModelStore
from training.__main__ import main
from training.checkpoint import load_generator, read_checkpoint, save_checkpoint
from training.data import load_faces, seeded_pairs
from training.log import training_time
from training.metrics.pictures import psnr
from training.networks import CFRNetRT, build_generator
from training.networks.hifacegan import HiFaceGAN
from training.networks.pfsrnet import FaceSuperResolution
from training.presets import PRESETS
from training.shipping.export import export_onnx
from training.shipping.manifest import NoRestorerError, UnknownOriginError, compared, describe, write_manifest
from training.shipping.publish import keep_run, publish
from training.shipping.quantize import (
    CALIBRATION_METHODS,
    CALIBRATIONS,
    USUAL,
    Calibration,
    calibration_faces,
    quantize,
    quantize_on,
)

from .conftest import made_up_faces


@pytest.fixture(scope="module")
def network() -> CFRNetRT:
    torch.manual_seed(3)
    network = CFRNetRT().eval()
    with torch.no_grad():
        network.head.weight.mul_(8.0)  # untrained, but not the identity, nor beyond the range of corrections
    return network


@pytest.fixture(scope="module")
def checkpoint(network: CFRNetRT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    preset = json.dumps(dataclasses.asdict(PRESETS["cfrnet-rt"]))
    run = {
        "preset": preset,
        "began": "2026-01-01T10:00:00+00:00",
        "elapsed": 90.0,
        "steps": 60,
    }
    save_checkpoint(path, {"network": "cfrnet-rt", "ema": network.state_dict(), **run})
    return path


@pytest.fixture(scope="module")
def published(checkpoint: Path, face_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    for path in ModelStore().detector_paths():
        shutil.copy(path, models)
    publish(checkpoint=checkpoint, name="cfrnet-rt", faces=face_folder, models=models)
    return models


@pytest.fixture(scope="module")
def degraded() -> torch.Tensor:
    return seeded_pairs(made_up_faces(2, seed=9))[0].contiguous()


def run(path: Path, x: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.cat([torch.from_numpy(session.run(None, {"x": face[None].numpy()})[0]) for face in x])


def test_the_exported_network_computes_what_the_trained_one_does(
    published: Path, network: CFRNetRT, degraded: torch.Tensor
) -> None:
    with torch.no_grad():
        wanted = network(degraded)
    assert float((wanted - degraded).abs().mean()) > 0.01
    torch.testing.assert_close(run(published / "cfrnet-rt.fp32.onnx", degraded), wanted, atol=1e-4, rtol=0)


def test_int8_stays_close_over_three_cycles(published: Path, degraded: torch.Tensor) -> None:
    exact = rounded = degraded
    for _ in range(3):
        exact, rounded = (
            run(published / f"cfrnet-rt.{precision}.onnx", x) for precision, x in (("fp32", exact), ("int8", rounded))
        )
        assert float(psnr(rounded, exact).min()) > 35.0
    sizes = [(published / f"cfrnet-rt.{precision}.onnx").stat().st_size for precision in ("int8", "fp32")]
    assert sizes[0] < 0.3 * sizes[1]


@pytest.mark.parametrize("name", ["cfrnet", "cfrnet-rt"])
def test_int8_adds_its_correction_to_the_input_as_it_came(name: str, degraded: torch.Tensor, tmp_path: Path) -> None:
    """Not to what eight bits make of it: where G changes nothing, every value comes back as it was, in every cycle."""
    generator = build_generator(name)
    with torch.no_grad():
        generator.head.weight.zero_()  # type: ignore[operator, union-attr]
    export_onnx(generator, tmp_path / "fp32.onnx")
    quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", degraded[:1].numpy(), cycles=1)
    between = degraded * 0.987654  # values that are no bytes
    torch.testing.assert_close(run(tmp_path / "int8.onnx", between), between, atol=1e-6, rtol=0)


def test_the_decoder_of_cfrnet_stays_in_float(
    face_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sums of large values are what eight bits cost most in; encoder and body keep INT8's speed."""
    monkeypatch.setattr("training.shipping.quantize.CALIBRATION_FACES", 1)
    export_onnx(build_generator("cfrnet"), tmp_path / "fp32.onnx")
    quantize_on(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", load_faces(face_folder)[0], network="cfrnet")
    graph = onnx.load(tmp_path / "int8.onnx").graph
    kernels = {node.input[1]: node.name.split("/")[1] for node in graph.node if node.op_type == "Conv"}
    in_float = {kernels[weights.name] for weights in graph.initializer if weights.name in kernels}
    assert in_float == {"up1", "skip1", "up2", "skip2", "head"}
    assert set(kernels.values()) - in_float == {"stem", "down1", "down2", "body"}


@pytest.fixture(scope="module")
def calibrated(
    published: Path, degraded: torch.Tensor, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, torch.Tensor]:
    """What the network gives, quantized by every method."""
    faces: NDArray[np.float32] = degraded[:1].numpy()
    given = {}
    for method in CALIBRATION_METHODS:
        path = tmp_path_factory.mktemp(method) / "int8.onnx"
        quantize(published / "cfrnet-rt.fp32.onnx", path, faces, method, cycles=1)
        given[method] = run(path, degraded)
    return given


@pytest.mark.parametrize("method", sorted(CALIBRATION_METHODS))
def test_every_calibration_method_gives_a_network(
    method: str, calibrated: dict[str, torch.Tensor], published: Path, degraded: torch.Tensor
) -> None:
    exact = run(published / "cfrnet-rt.fp32.onnx", degraded)
    assert float(psnr(calibrated[method], exact).min()) > 25.0


def test_entropy_is_not_minmax_by_another_name(calibrated: dict[str, torch.Tensor]) -> None:
    assert not torch.equal(calibrated["minmax"], calibrated["entropy"])


def test_the_run_is_kept_to_go_on_from(checkpoint: Path, network: CFRNetRT, tmp_path: Path) -> None:
    (checkpoint.parent / "validation.csv").write_text("elapsed_s,step,metric,value\n")
    state = keep_run(checkpoint=checkpoint, name="cfrnet-rt", models=tmp_path)
    assert (tmp_path / "training" / "cfrnet-rt" / "validation.csv").is_file()
    kept = load_generator(state).state_dict()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(kept[name], tensor, atol=1e-3, rtol=1e-3)  # half precision


def test_every_run_is_listed_once_with_its_last_figures(checkpoint: Path, tmp_path: Path) -> None:
    state = read_checkpoint(checkpoint)
    runs = [("10", 90.0, "21.0"), ("11", 60.0, "22.0"), ("11", 120.0, "23.0")]  # the second one is published twice
    for hour, elapsed, decibels in runs:
        folder = tmp_path / hour
        folder.mkdir(exist_ok=True)
        save_checkpoint(
            folder / "checkpoint.pt", {**state, "began": f"2026-01-01T{hour}:00:00+00:00", "elapsed": elapsed}
        )
        lines = ["elapsed_s,step,metric,value", "9.0,5,k2_psnr,1.0", f"{elapsed},60,k2_psnr,{decibels}"]
        (folder / "validation.csv").write_text("\n".join(lines) + "\n")
        keep_run(checkpoint=folder / "checkpoint.pt", name="cfrnet-rt", models=tmp_path)
    with (tmp_path / "training" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["minutes"], row["k2_psnr"]) for row in rows] == [("1.5", "21.0"), ("2.0", "23.0")]
    assert rows[0]["stages"] == "single-pass + ccfp-faces"
    assert training_time(tmp_path, "cfrnet-rt") == (3.5, 2 * int(rows[0]["steps"]))
    assert training_time(tmp_path, "another") == (0.0, 0)


def test_publishing_again_from_the_kept_state_or_under_another_name_leaves_the_list_as_it_was(
    checkpoint: Path, tmp_path: Path
) -> None:
    state = read_checkpoint(checkpoint)
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", state)
    (tmp_path / "run" / "validation.csv").write_text("elapsed_s,step,metric,value\n90.0,60,k2_psnr,23.0\n")
    kept = keep_run(checkpoint=tmp_path / "run" / "checkpoint.pt", name="mine", models=tmp_path)
    keep_run(checkpoint=kept, name="mine", models=tmp_path)
    keep_run(checkpoint=kept, name="other", models=tmp_path)
    with (tmp_path / "training" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (tmp_path / "training" / "other" / "validation.csv").is_file(), "its logs go along"
    assert [(row["network"], row["k2_psnr"]) for row in rows] == [("mine", "23.0"), ("other", "23.0")]


def test_nothing_is_replaced_where_a_file_of_unknown_origin_lies(
    published: Path, checkpoint: Path, face_folder: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(published, models)
    (models / "stray.int8.onnx").write_bytes(b"of nobody knows where")
    before = {path.name: path.read_bytes() for path in models.iterdir() if path.is_file()}
    with pytest.raises(UnknownOriginError, match="stray"):
        publish(checkpoint=checkpoint, name="cfrnet-rt", faces=face_folder, models=models, precisions=("fp32",))
    assert {path.name: path.read_bytes() for path in models.iterdir() if path.is_file()} == before


def test_the_application_accepts_what_is_published(published: Path) -> None:
    store = ModelStore(published)
    assert store.restorer_names() == ["cfrnet-rt"]
    for precision in ("fp32", "int8"):
        restorer = store.create_restorer("cfrnet-rt", precision, 1)
        assert restorer.restore(made_up_faces(1)[0], k=2).cycles == 2
    assert [path.name for path in store.detector_paths()] == [path.name for path in ModelStore().detector_paths()]
    assert [path for path in published.iterdir() if path.is_dir()] == []


def test_figures_in_the_manifest_belong_to_the_file_that_was_measured(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "models")
    models = tmp_path / "models"
    row = {"psnr": 22.12345, "ssim": 0.6, "lpips_alex": 0.3, "lpips_vgg": 0.4}
    results = {
        "timing": {}, "measured": {"protocol": {"date": "today"}},
        "models": {"int8": describe(models / "cfrnet-rt.int8.onnx"), "fp32": {"sha256": "of an older file"}},
        "protocol": {
            "set": "faces300", "faces": 300,
            "means": {"input": row, "int8 k1": row, "int8 step0": {"step": 0.1}, "fp32 k1": row},
        },
    }  # fmt: skip
    write_manifest(models, results)
    write_manifest(models)  # says nothing new
    entries = {entry["file"]: entry for entry in json.loads((models / "manifest.json").read_text())["models"]}
    assert entries["cfrnet-rt.int8.onnx"]["metrics"]["k1"]["psnr"] == 22.12
    assert entries["cfrnet-rt.int8.onnx"]["metrics"]["set"] == "faces300, 300 faces"
    assert entries["cfrnet-rt.fp32.onnx"]["metrics"] == {}
    fp32 = describe(models / "cfrnet-rt.fp32.onnx")["sha256"]
    comparison = {
        "date": "today", "protocol": "faces300", "networks": {"cfrnet-rt": {"sha256": fp32}},
        "sets": {"faces300": {"faces": 300, "means": {"input": row, "cfrnet-rt k = 3": row, "other k = 1": row}}},
    }  # fmt: skip
    write_manifest(models, comparison=comparison)
    entries = {entry["file"]: entry for entry in json.loads((models / "manifest.json").read_text())["models"]}
    assert entries["cfrnet-rt.int8.onnx"]["metrics"]["k1"]["psnr"] == 22.12
    assert set(entries["cfrnet-rt.fp32.onnx"]["metrics"]) == {"set", "date", "input", "k3"}
    assert compared(comparison)[fp32]["date"] == "today"
    comparison["sets"]["faces300"]["dates"] = {"input": "today", "cfrnet-rt k = 3": "yesterday", "other k = 1": "today"}
    assert compared(comparison)[fp32]["date"] == "yesterday"


def test_where_a_network_comes_from_is_stated_by_its_checkpoint_and_never_guessed(
    published: Path, checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copytree(published, tmp_path / "models")
    models = tmp_path / "models"
    write_manifest(models)
    before = json.loads((models / "manifest.json").read_text())
    entry = next(entry for entry in before["models"] if entry["file"] == "cfrnet-rt.int8.onnx")
    assert entry["family"] == "cfrnet"
    assert "2606.06850" in entry["source"]
    assert "single-pass + ccfp-faces, 60 steps, 2 minutes" in entry["source"]
    with (models / "cfrnet-rt.int8.onnx").open("ab") as file:
        file.write(b" ")  # another network of the same name
    with pytest.raises(UnknownOriginError, match=r"cfrnet-rt\.int8\.onnx"):
        write_manifest(models)
    assert json.loads((models / "manifest.json").read_text()) == before
    write_manifest(models, trained={"cfrnet-rt": {**read_checkpoint(checkpoint), "network": "cfrnet-d"}})
    entries = json.loads((models / "manifest.json").read_text())["models"]
    assert {entry["family"] for entry in entries if entry["kind"] == "restorer"} == {"cfrnet-d"}


def test_a_manifest_without_the_restorer_to_use_is_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(NoRestorerError, match="training publish"):
        write_manifest(tmp_path)
    shutil.copytree(published, tmp_path / "models")
    with pytest.raises(NoRestorerError, match=r"no restorer other in .*; there are cfrnet-rt"):
        write_manifest(tmp_path / "models", default="other")


def test_the_command_names_what_is_wrong(tmp_path: Path, face_folder: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "training", "publish", tmp_path / "bad.pt",
         "--faces", face_folder, "--models", tmp_path],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "bad.pt" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "bad.pt"]


@pytest.mark.parametrize(
    ("command", "options", "named"),
    [
        ("train", ["--faces", ".", "--weights", ".", "--out", "run"], "landmarks.csv"),
        ("export", ["none.pt", "--out", "none.onnx"], "none.pt"),
        ("prepare", ["--pictures", ".", "--out", "faces"], "holds no pictures"),
    ],
)
def test_a_command_says_what_is_wrong_and_its_own_name(
    command: str, options: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [])
    assert main([command, *options]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{command}: ")
    assert named in said


@pytest.mark.parametrize(
    ("network", "side", "cycles", "percentile"),
    [
        ("cfrnet-rt", 256, 3, 99.999),
        ("cfrnet", 256, 3, 99.97),
        ("cfrnet-d", 256, 1, 99.999),
        ("hifacegan-lite", 256, 1, 99.999),
        ("pfsrnet", 16, 1, 99.999),
    ],
)
def test_a_network_is_calibrated_over_the_cycles_it_is_meant_for_and_by_its_own_percentile(
    network: str,
    side: int,
    cycles: int,
    percentile: float,
    face_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[int, int, float]] = []

    def record(
        _: Path,
        __: Path,
        faces: NDArray[np.float32],
        ___: str,
        *,
        cycles: int,
        calibration: Calibration,
    ) -> None:
        calls.append((faces.shape[-1], cycles, calibration.percentile))

    monkeypatch.setattr("training.shipping.quantize.quantize", record)
    quantize_on(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", load_faces(face_folder)[0], network=network)
    assert calls == [(side, cycles, percentile)]


def scales_of(path: Path) -> dict[str, float]:
    """The step of every quantized activation, by the name of its tensor."""
    weights = onnx.load(path).graph.initializer
    return {
        each.name.removesuffix("_scale"): float(onnx.numpy_helper.to_array(each))
        for each in weights
        if each.name.endswith("_output_0_scale") and not each.dims
    }


def test_a_lower_percentile_narrows_the_ranges(face_folder: Path, tmp_path: Path) -> None:
    export_onnx(build_generator("cfrnet-rt"), tmp_path / "fp32.onnx")
    faces = calibration_faces(load_faces(face_folder)[0])[:2]
    scales = {}
    for percentile in (99.999, 90.0):
        its = Calibration(percentile=percentile)
        quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", faces, cycles=1, calibration=its)
        scales[percentile] = scales_of(tmp_path / "int8.onnx")
    encoder = [name for name in scales[90.0] if "encode" in name]
    assert encoder
    assert all(scales[90.0][name] < 0.9 * scales[99.999][name] for name in encoder)


def test_single_tensors_have_narrower_ranges_than_the_others(face_folder: Path, tmp_path: Path) -> None:
    """The last tensors of `cfrnet-rt` do: a step of theirs is seen as flicker."""
    export_onnx(build_generator("cfrnet-rt"), tmp_path / "fp32.onnx")
    faces = calibration_faces(load_faces(face_folder)[0])[:2]
    shipped = CALIBRATIONS["cfrnet-rt"]
    (head,) = shipped.held
    narrower = dict.fromkeys(shipped.narrower, 90.0)

    def scales(calibration: Calibration) -> dict[str, float]:
        quantize(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", faces, cycles=1, calibration=calibration)
        return scales_of(tmp_path / "int8.onnx")

    usual = scales(USUAL)
    bound = 64 * usual[head]  # about half of the range
    narrow = scales(dataclasses.replace(shipped, narrower=narrower, held={head: bound}))
    assert usual.keys() == narrow.keys()
    assert 0.4 * usual[head] < narrow[head] < 0.8 * usual[head]
    assert all(narrow[name] < 0.9 * usual[name] for name in shipped.narrower)
    assert all(narrow[name] == usual[name] for name in usual.keys() - shipped.narrower.keys() - {head})
    wide = scales(dataclasses.replace(shipped, narrower={}, held={head: 1e3 * bound}))
    assert wide == usual, "a bound beyond the range does not widen it"


@pytest.mark.parametrize(("name", "side"), [("hifacegan-lite", 256), ("pfsrnet", 16)])
def test_the_rivals_are_published_for_their_families(
    name: str, side: int, face_folder: Path, checkpoint: Path, tmp_path: Path
) -> None:
    generator = build_generator(name).eval()
    with torch.no_grad():
        if isinstance(generator, HiFaceGAN):
            generator.head.weight.mul_(14.0)  # untrained, but not the identity
    run_state = {key: value for key, value in read_checkpoint(checkpoint).items() if key != "ema"}
    preset = json.dumps(dataclasses.asdict(PRESETS[name]))
    state = {**run_state, "network": name, "preset": preset, "ema": generator.state_dict()}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    files = publish(checkpoint=tmp_path / "checkpoint.pt", name=name, faces=face_folder, models=tmp_path)
    x = avg_pool2d(seeded_pairs(made_up_faces(1, seed=9))[0], 256 // side).contiguous()
    exact, rounded = (run(path, x) for path in files)
    with torch.no_grad():
        core = generator.core(x).clamp(-1.0, 1.0) if isinstance(generator, FaceSuperResolution) else generator(x)
    torch.testing.assert_close(exact, core, atol=2e-4, rtol=0)
    assert float(psnr(rounded, exact).min()) > 30.0
    assert files[1].stat().st_size < 0.35 * files[0].stat().st_size
    (entry, _) = json.loads((tmp_path / "manifest.json").read_text())["models"]
    assert entry["family"] == name.removesuffix("-lite")
    assert entry["input"]["size"] == side
    assert "60 steps" in entry["source"]
    restorer = ModelStore(tmp_path).create_restorer(name, "int8", 1)
    assert restorer.restore(made_up_faces(1)[0], k=1).image.shape == (256, 256, 3)


def test_a_network_is_published_in_the_precisions_that_are_asked_for(
    face_folder: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """A file of an earlier state, in a precision that no longer ships, does not stay behind."""
    earlier = tmp_path / "cfrnet-rt.int8.onnx"
    earlier.write_bytes(b"of an earlier state")
    (only,) = publish(checkpoint=checkpoint, name="cfrnet-rt", faces=face_folder, models=tmp_path, precisions=("fp16",))
    assert not earlier.exists()
    assert [path.name for path in tmp_path.glob("*.onnx")] == [only.name] == ["cfrnet-rt.fp16.onnx"]
    (entry,) = json.loads((tmp_path / "manifest.json").read_text())["models"]
    assert entry["precision"] == "fp16"
    restorer = ModelStore(tmp_path).create_restorer("cfrnet-rt", threads=1)
    assert restorer.engine.precision == "fp16"
    assert restorer.restore(made_up_faces(1)[0], k=1).image.shape == (256, 256, 3)
