"""Providers: what is offered, what a session really got, and that none can lie or take the application along."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from app.core.settings import specification
from app.pipeline.measuring.bench import measure_providers, providers_table
from app.restorers import providers
from app.restorers.base import EngineInfo, EngineOptions, VerifiedModel
from app.restorers.buffers import DeviceBuffers, HostBuffers
from app.restorers.contest import Candidate, fastest, judge
from app.restorers.families import family
from app.restorers.family import Family
from app.restorers.probe import Probe, measure, probe, probing_crop
from app.restorers.providers import (
    CPU,
    PROVIDERS,
    available_providers,
    node_counts,
    open_session,
    provider_called,
    provider_got,
)
from app.restorers.store import ModelStore
from app.ui.texts.engine import engine_sentence
from tests.restorers.networks import entry, network, scale_and_shift, store_of

OPENVINO = provider_called("openvino")


def halving(**changes: Any) -> VerifiedModel:
    content = network(scale_and_shift(0.5), takes=256, gives=256)
    model = VerifiedModel(name="halving", precision="fp32", k_range=(1, 4), file="halving.fp32.onnx", content=content)
    return replace(model, **changes)


def test_only_what_this_machine_has_is_offered() -> None:
    here = available_providers()
    assert here[0] == CPU
    assert {each.execution for each in here} <= {
        *onnxruntime.get_available_providers(),
        *(device.ep_name for device in onnxruntime.get_ep_devices()),
    }
    assert providers.usable_names() == ("auto", *(each.name for each in here))
    for each in PROVIDERS:
        assert each.needs
        assert set(each.precisions) == {"int8", "fp16", "fp32"}


def test_the_setting_offers_every_provider_by_its_title() -> None:
    choices = specification("provider").choices
    assert {name: str(title) for name, title in choices.items() if name != "auto"} == {
        each.name: each.title for each in PROVIDERS
    }


def test_a_session_tells_which_nodes_run_where() -> None:
    session = open_session(halving().content, CPU, EngineOptions(threads=1))
    counts = dict(node_counts(session))
    assert list(counts) == ["CPUExecutionProvider"]
    assert 1 <= counts["CPUExecutionProvider"] <= 2  # a multiplication and an addition, fused or not


class StubRuntime(types.ModuleType):
    """ONNX Runtime's interface with a card in the machine; it notes how sessions are opened."""

    def __init__(self) -> None:
        super().__init__("onnxruntime")
        self.opened: list[dict[str, Any]] = []
        self.libraries: list[tuple[str, str]] = []
        self.built_in = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        self.devices = ["CPU"]
        self.preloaded_before: list[int] = []

    def get_available_providers(self) -> list[str]:
        return self.built_in

    def register_execution_provider_library(self, name: str, path: str) -> None:
        self.libraries.append((name, path))

    def get_ep_devices(self) -> list[Any]:
        return [
            types.SimpleNamespace(ep_name=name, device=types.SimpleNamespace(type=types.SimpleNamespace(name=kind)))
            for name, _ in self.libraries
            for kind in self.devices
        ]

    def preload_dlls(self) -> None:
        self.preloaded_before.append(len(self.opened))

    def InferenceSession(self, content: bytes, **options: Any) -> dict[str, Any]:  # noqa: N802
        self.opened.append(options)
        return options


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubRuntime]:
    runtime = StubRuntime()
    monkeypatch.setattr(providers, "onnxruntime", runtime)
    providers._register.cache_clear()
    providers._preload.cache_clear()
    yield runtime
    for name in ("onnxruntime_ep_openvino", "onnxruntime_qnn"):
        sys.modules.pop(name, None)
    providers._register.cache_clear()
    providers._preload.cache_clear()


def test_a_card_is_asked_first_and_the_cpu_takes_the_rest(stub: StubRuntime) -> None:
    cuda = provider_called("cuda")
    assert [each.name for each in available_providers()] == ["cpu", "cuda"]
    open_session(b"", cuda, EngineOptions())
    (options,) = stub.opened
    assert options["providers"] == [("CUDAExecutionProvider", {}), ("CPUExecutionProvider", {})]


def test_the_libraries_of_cuda_are_loaded_once_and_before_it_is_asked(stub: StubRuntime) -> None:
    open_session(b"", CPU, EngineOptions())
    assert stub.preloaded_before == []
    for _ in range(2):
        open_session(b"", provider_called("cuda"), EngineOptions())
    assert stub.preloaded_before == [1]


def test_a_plug_in_is_registered_once_and_opened_on_its_device(
    stub: StubRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime_ep_openvino.py").write_text("def get_library_path(): return 'plugin.so'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime_ep_openvino", raising=False)
    chosen: list[Any] = []
    monkeypatch.setattr(
        providers,
        "session_options",
        lambda **_: types.SimpleNamespace(
            add_session_config_entry=lambda *_: None,
            add_provider_for_devices=lambda devices, options: chosen.append((devices, options)),
        ),
    )
    assert OPENVINO in available_providers()
    open_session(b"", OPENVINO, EngineOptions())
    assert stub.libraries == [("OpenVINOExecutionProvider", "plugin.so")]
    ((devices, _),) = chosen
    assert [device.ep_name for device in devices] == ["OpenVINOExecutionProvider"]
    assert "providers" not in stub.opened[0]


def test_a_plug_in_that_cannot_be_loaded_is_as_if_it_were_not_there(
    stub: StubRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime_ep_openvino.py").write_text("def get_library_path(): raise FileNotFoundError('gone')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime_ep_openvino", raising=False)
    assert OPENVINO not in available_providers()
    assert stub.libraries == []


def test_a_plug_in_that_only_simulates_its_device_is_not_offered(
    stub: StubRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxruntime_qnn.py").write_text("def get_library_path(): return 'qnn.so'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "onnxruntime_qnn", raising=False)
    qnn = provider_called("qnn")
    assert qnn not in available_providers()
    assert stub.libraries == [("QNNExecutionProvider", "qnn.so")]
    stub.devices = ["CPU", "NPU"]
    assert qnn in available_providers()
    assert [each.device.type.name for each in providers.plugin_devices(qnn)] == ["NPU"]


def test_a_provider_that_takes_no_node_is_not_the_one_that_computes() -> None:
    def session(**nodes: int) -> Any:
        parts = [
            types.SimpleNamespace(ep_name=f"{name}ExecutionProvider", get_nodes=lambda count=count: [None] * count)
            for name, count in nodes.items()
        ]
        return types.SimpleNamespace(
            get_providers=lambda: ["QNNExecutionProvider", "CPUExecutionProvider"],
            get_provider_graph_assignment_info=lambda: parts,
        )

    assert provider_got(session(CPU=179)) == "CPUExecutionProvider"
    assert provider_got(session(QNN=172, CPU=1)) == "QNNExecutionProvider"
    assert provider_got(session(QNN=1, CPU=172)) == "QNNExecutionProvider"
    assert provider_got(session()) == "QNNExecutionProvider", "where ONNX Runtime does not tell, its list is believed"


class CountedValue:
    """An image on a device, which counts what is copied there and back."""

    copies: Counter[str] = Counter()  # noqa: RUF012

    def __init__(self, value: onnxruntime.OrtValue) -> None:
        self.value = value

    @classmethod
    def ortvalue_from_numpy(cls, image: np.ndarray, device: str, number: int) -> CountedValue:
        assert (device, number) == ("cuda", 0)
        return cls(onnxruntime.OrtValue.ortvalue_from_numpy(image, "cpu", 0))

    def update_inplace(self, image: np.ndarray) -> None:
        CountedValue.copies["up"] += 1
        self.value.update_inplace(image)

    def numpy(self) -> np.ndarray:
        CountedValue.copies["down"] += 1
        return np.asarray(self.value.numpy())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


def test_k_cycles_on_a_device_cost_one_upload_and_one_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime with a card, whose memory is the processor's and counted."""

    io_binding = onnxruntime.InferenceSession.io_binding

    def bind(session: onnxruntime.InferenceSession) -> Any:
        binding = io_binding(session)
        put_in, take_out = binding.bind_ortvalue_input, binding.bind_ortvalue_output
        binding.bind_ortvalue_input = lambda name, image: put_in(name, image.value)
        binding.bind_ortvalue_output = lambda name, image: take_out(name, image.value)
        return binding

    cuda = replace(provider_called("cuda"), execution=CPU.execution)
    monkeypatch.setattr("app.restorers.engine.provider_called", lambda name: cuda)
    monkeypatch.setattr("app.restorers.engine.available_providers", lambda: (CPU, cuda))
    monkeypatch.setattr(onnxruntime.InferenceSession, "io_binding", bind)
    monkeypatch.setattr(
        "app.restorers.buffers.onnxruntime",
        types.SimpleNamespace(OrtValue=CountedValue, InferenceSession=onnxruntime.InferenceSession),
    )
    its = family("cfrnet")
    on_card = its.create(its, halving(), EngineOptions(provider="cuda", threads=1))
    monkeypatch.undo()
    in_memory = its.create(its, halving(), EngineOptions(threads=1))
    crop = probing_crop(its)
    for k in (1, 4):
        CountedValue.copies.clear()
        restored, expected = on_card.restore(crop, k=k), in_memory.restore(crop, k=k)
        assert CountedValue.copies == {"up": 1, "down": 1}
        assert np.array_equal(restored.image, expected.image)
        assert restored.steps == pytest.approx(expected.steps, rel=1e-4)


def test_images_on_a_device_are_those_in_memory() -> None:
    """The device here is the processor itself, through the same calls that a card takes."""
    shape = (1, 3, 256, 256)
    session = open_session(halving().content, CPU, EngineOptions(threads=1))
    host = HostBuffers(session, takes=shape, gives=shape)
    device = DeviceBuffers(session, takes=shape, gives=shape, device="cpu")
    picture = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    for _ in range(2):  # a second picture begins anew
        for buffers in (host, device):
            buffers.begin()[:] = picture
        for _ in range(3):
            host.advance()
            device.advance()
            assert device.step() == pytest.approx(host.step(), rel=1e-4)
            assert np.abs(device.result() - host.result()).max() < 1e-6
        picture = -picture


def crash(family: Family, model: VerifiedModel, options: EngineOptions) -> Any:
    os._exit(9)


def test_a_provider_that_crashes_takes_only_its_own_process_along() -> None:
    found = probe(replace(family("cfrnet"), create=crash), halving(), EngineOptions())
    assert "crashed" in str(found.error)
    refused = probe(family("cfrnet"), halving(content=b"nothing"), EngineOptions())
    assert "halving.fp32.onnx" in str(refused.error)


def test_a_probe_measures_what_this_process_would() -> None:
    its = family("cfrnet")
    there, here = probe(its, halving(), EngineOptions(threads=1)), measure(its, halving(), EngineOptions(threads=1))
    assert there.error == ""
    assert there.cycle_ms > 0
    assert there.image is not None
    assert np.array_equal(there.image, here.image)
    assert there.engine is not None
    assert there.engine.provider_got == "CPUExecutionProvider"


def on(execution: str, *, cycle_ms: float = 5.0, brighter: int = 0) -> Probe:
    engine = EngineInfo(provider_asked=execution, provider_got=execution, precision="fp32", threads=1)
    image = np.clip(probing_crop(family("cfrnet")).astype(int) + brighter, 0, 255).astype(np.uint8)
    return Probe(cycle_ms=cycle_ms, image=image, engine=engine)


def test_a_provider_is_believed_only_for_the_same_picture_and_its_own_work() -> None:
    reference = on(CPU.execution, cycle_ms=8.0)
    good = judge(OPENVINO, "fp32", on(OPENVINO.execution), reference)
    assert (good.cycle_ms, good.difference, good.problem) == (5.0, 0.0, "")
    other_picture = judge(OPENVINO, "fp32", on(OPENVINO.execution, brighter=20), reference)
    assert other_picture.cycle_ms is None
    assert "levels from the CPU's" in str(other_picture.problem)
    fell_back = judge(OPENVINO, "fp32", on(CPU.execution), reference)
    assert str(fell_back.problem) == "ONNX Runtime used CPUExecutionProvider instead"
    crashed = judge(OPENVINO, "fp32", Probe(error="it crashed (exit code -11)"), reference)
    assert str(crashed.problem) == "it crashed (exit code -11)"


def test_auto_takes_the_fastest_that_works() -> None:
    cpu = Candidate(provider=CPU, precision="int8", cycle_ms=4.0)
    quick = Candidate(provider=OPENVINO, precision="int8", cycle_ms=3.0)
    broken = replace(quick, cycle_ms=None, problem="it crashed")
    assert fastest([cpu, quick]).provider == OPENVINO
    assert fastest([cpu, broken]).provider == CPU
    assert fastest([replace(cpu, cycle_ms=None)]).provider == CPU


def test_auto_says_every_number_and_a_crashing_provider_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = family("cfrnet")
    model = halving()
    store = store_of(tmp_path, (entry(its, model.content, name="halving"), model.content))
    monkeypatch.setattr("app.restorers.store.available_providers", lambda: (CPU, OPENVINO))
    monkeypatch.setattr("app.restorers.store.probe", lambda *_: Probe(error="it crashed (exit code -11)"))
    for asked in ("auto", "openvino"):
        info = store.create_restorer("halving", provider=asked).engine
        assert info.provider_got == CPU.execution
        assert info.as_asked == (asked == "auto")
        assert [(title, ms is None) for title, ms in info.compared] == [("CPU", False), ("OpenVINO", True)]
        assert "OpenVINO not usable" in str(engine_sentence(info))
    monkeypatch.setattr("app.restorers.store.available_providers", lambda: (CPU,))
    assert store.create_restorer("halving", provider="auto").engine.compared == ()


def test_in_place_of_a_missing_provider_the_cpu_takes_the_precision_that_it_runs_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.restorers.store.available_providers", lambda: (CPU,))
    info = ModelStore().create_restorer("cfrnet-rt", provider="cuda").engine
    assert (info.provider_asked, info.provider_got) == ("CUDAExecutionProvider", CPU.execution)
    assert info.precision == "int8"


def test_the_table_of_providers_has_a_row_for_each_and_says_what_is_missing(tmp_path: Path) -> None:
    its = family("cfrnet")
    model = halving()
    store = store_of(tmp_path, (entry(its, model.content, name="halving"), model.content))
    rows = measure_providers(store, threads=1)
    assert [row["provider"] for row in rows] == [each.title for each in available_providers()]
    assert rows[0]["cycle_ms"] > 0
    table = providers_table(rows)
    assert "halving" in table
    for each in PROVIDERS:
        assert (each in available_providers()) != (f"not here: {each.title}" in table)


@pytest.mark.parametrize("provider", [each for each in PROVIDERS if each != CPU], ids=lambda each: str(each.name))
def test_a_real_accelerator_gives_the_cpus_picture(provider: providers.Provider) -> None:
    if provider not in available_providers():
        package = f", its package {provider.plugin} is not installed" if provider.plugin else ""
        if provider.plugin and importlib.util.find_spec(provider.plugin) is not None:
            package = ", its plug-in finds no device"
        pytest.skip(f"this machine has no {provider.title}{package}")
    its = family("cfrnet")
    reference = measure(its, halving(), EngineOptions())
    found = judge(provider, "fp32", probe(its, halving(), EngineOptions(provider=provider.name)), reference)
    assert found.problem == ""
    assert found.nodes
