"""The door for providers: what can run a network on this machine, how it is found, and what it needs."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import onnxruntime

from app.core.onnx import session_options
from app.core.words import Phrase, phrase
from app.restorers.base import EngineOptions

_log = logging.getLogger(__name__)

AUTO = "auto"
"""The name of the choice "whichever provider is fastest here"."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One way to run a network.

    `name` is what a person chooses, `execution` ONNX Runtime's name. `needs` names its requirements and their source.
    `precisions` begins with the one that it runs best. A `plugin` is the module of a package that adds the provider to
    plain ONNX Runtime at run time; `device` is the type of device that it must offer, such as "NPU", so that a
    simulator of one does not count. `memory` is where a network's images live between cycles, "cpu" or ONNX Runtime's
    name of a device. The libraries of one that is `preloaded` are Python packages, where it does not look by itself.
    """

    name: str
    title: str
    execution: str
    needs: Phrase
    precisions: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    plugin: str = ""
    device: str = ""
    memory: str = "cpu"
    preloaded: bool = False
    memory_pattern: bool = True


CPU = Provider(
    name="cpu",
    title="CPU",
    execution="CPUExecutionProvider",
    needs=phrase("Any processor."),
    precisions=("int8", "fp32", "fp16"),
)

PROVIDERS = (
    CPU,
    Provider(
        name="cuda",
        title="NVIDIA CUDA",
        execution="CUDAExecutionProvider",
        needs=phrase(
            'An NVIDIA card with its driver; pip install "onnxruntime-gpu[cuda,cudnn]" in place of onnxruntime.'
        ),
        precisions=("fp16", "fp32", "int8"),
        memory="cuda",
        preloaded=True,
    ),
    Provider(
        name="directml",
        title="DirectML",
        execution="DmlExecutionProvider",
        needs=phrase("Windows with a DirectX 12 card; pip install onnxruntime-directml in place of onnxruntime."),
        precisions=("fp16", "fp32", "int8"),
        memory="dml",
        memory_pattern=False,  # it rejects sessions with memory patterns
    ),
    Provider(
        name="coreml",
        title="Core ML",
        execution="CoreMLExecutionProvider",
        needs=phrase("macOS 12 or newer; it comes with onnxruntime."),
        precisions=("fp16", "fp32", "int8"),
        options=(("ModelFormat", "MLProgram"), ("RequireStaticInputShapes", "1")),
    ),
    Provider(
        name="openvino",
        title="OpenVINO",
        execution="OpenVINOExecutionProvider",
        needs=phrase("An Intel processor or card; pip install onnxruntime-ep-openvino beside onnxruntime."),
        precisions=("int8", "fp16", "fp32"),
        plugin="onnxruntime_ep_openvino",
    ),
    Provider(
        name="qnn",
        title="Qualcomm QNN",
        execution="QNNExecutionProvider",
        needs=phrase("A Snapdragon processor with an NPU; pip install onnxruntime-qnn beside onnxruntime."),
        precisions=("int8", "fp16", "fp32"),
        options=(
            ("backend_type", "htp"),
            ("htp_performance_mode", "burst"),
            ("offload_graph_io_quantization", "0"),  # the network takes and gives float images
        ),
        plugin="onnxruntime_qnn",
        device="NPU",
    ),
)


def available_providers() -> tuple[Provider, ...]:
    """Return the available providers, the CPU first: built into ONNX Runtime, or a plug-in that found a device."""
    built_in = set(onnxruntime.get_available_providers())
    return tuple(each for each in PROVIDERS if each.execution in built_in or plugin_devices(each))


def usable_names() -> tuple[str, ...]:
    """Return what can be chosen here: `AUTO` and the names of the available providers."""
    return AUTO, *(each.name for each in available_providers())


def provider_called(name: str) -> Provider:
    """Return the provider called `name`, available or not. Raises KeyError for an unknown one."""
    return {each.name: each for each in PROVIDERS}[name]


def plugin_devices(provider: Provider) -> list[Any]:
    """Return the devices that a provider's plug-in offers; none without its package."""
    if not provider.plugin or not _register(provider):
        return []
    offered = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider.execution]
    return [each for each in offered if provider.device in ("", each.device.type.name)]


@cache
def _register(provider: Provider) -> bool:
    """Load a provider's plug-in into ONNX Runtime, once. False without its package or when it cannot be loaded."""
    if importlib.util.find_spec(provider.plugin) is None:
        return False
    try:
        path = importlib.import_module(provider.plugin).get_library_path()
        onnxruntime.register_execution_provider_library(provider.execution, path)
    except Exception:  # a plug-in for another version or system; the application works without it
        _log.exception("The plug-in of %s cannot be loaded", provider.title)
        return False
    return True


@cache
def _preload() -> None:
    """Load CUDA and cuDNN from their packages, once; without those, ONNX Runtime prints what it misses."""
    with contextlib.redirect_stdout(sys.stderr):  # what commands print may be read by programs
        onnxruntime.preload_dlls()


def open_session(content: bytes, provider: Provider, options: EngineOptions) -> onnxruntime.InferenceSession:
    """Open a session over an ONNX file's bytes, with the CPU for what `provider` does not support."""
    set_up = session_options(threads=options.threads, spinning=options.spinning)
    set_up.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    set_up.enable_mem_pattern = provider.memory_pattern
    if devices := plugin_devices(provider):
        set_up.add_provider_for_devices(devices[:1], dict(provider.options))
        return onnxruntime.InferenceSession(content, sess_options=set_up)
    if provider.preloaded:
        _preload()
    wanted = [(provider.execution, dict(provider.options))]
    if provider.execution != CPU.execution:
        wanted.append((CPU.execution, {}))
    return onnxruntime.InferenceSession(content, sess_options=set_up, providers=wanted)


def provider_got(session: onnxruntime.InferenceSession) -> str:
    """Return ONNX Runtime's name of the provider that computes: its first one, unless it was given no node."""
    first = str(session.get_providers()[0])
    counts = node_counts(session)
    return counts[0][0] if counts and first not in dict(counts) else first


def node_counts(session: onnxruntime.InferenceSession) -> tuple[tuple[str, int], ...]:
    """Return the number of nodes on each provider, most first; empty where ONNX Runtime does not report it."""
    tell = getattr(session, "get_provider_graph_assignment_info", None)
    if tell is None:
        return ()
    counts: Counter[str] = Counter()
    for part in tell():
        counts[part.ep_name] += len(part.get_nodes())
    return tuple(counts.most_common())
