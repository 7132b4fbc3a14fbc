"""Static INT8 quantization of an exported generator.

`python -m training quantize models/cfrnet-rt.fp32.onnx --network cfrnet-rt --faces DIR --out FILE.int8.onnx`
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.calibrate import TensorData, create_calibrator, save_tensors_data
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.nn import functional as F

from app.restorers.families import family
from training.data import FACE_SIZE, FaceSet, load_faces, seeded_pairs
from training.networks import FAMILIES
from training.shipping.export import INPUT_NAME

CALIBRATION_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
# The closest to FP32 on the validation split (table in docs/results.md): outliers widen the ranges of MinMax.
CALIBRATION_METHOD = "percentile"
KERNEL_CHANNELS = 16
"""Output channels that an INT8 convolution computes at once; a partial group takes as long as a full one."""

CALIBRATION_FACES = 40
# ONNX Runtime's own 128 and 128 leave the search for the least KL divergence one candidate, the whole range: MinMax.
HISTOGRAM_BINS: dict[str, dict[str, int]] = {"entropy": {"num_bins": 1024, "num_quantized_bins": 128}, "percentile": {}}
PART = 6
"""Inputs whose values are held in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What of a network is quantized, and the ranges of its tensors with the method "percentile".

    `percentile` is the share of a tensor's values that its range covers, in percent. Half of the others lie beyond
    either end; a ReLU has one end, and leaves out half as many. `narrower` has another share for the ONNX tensors it
    names, `held` limits the range of others to plus and minus that bound. From the modules `in_float` on, up to the
    output, nothing is quantized.
    """

    percentile: float = 99.999
    narrower: Mapping[str, float] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    in_float: tuple[str, ...] = ()


USUAL = Calibration()
# In the body of `cfrnet` a few large values stretch the ranges, and most have a handful of levels left; but clean
# faces need the large ones. LPIPS-AlexNet at k = 3 on 24 validation faces (input 0.702, FP32 0.280), and PSNR of 40
# clean ones: 99.999 % 0.305, 48.4 dB; 99.97 % 0.283, 39.9 dB; 99.9 % 0.281, 34.1 dB; 99.5 % 0.302. It adds what its
# skips and its up stages bring, large values of which little is left: 0.283 is 0.306 with everything in INT8. A cycle
# takes 83 ms instead of 80, and 120 in FP32 (two cores, AVX2).
# In `cfrnet-rt` a step of the last tensors is seen as flicker of still skin: docs/training.md has what narrower ranges
# bring. 99.9 % everywhere would cost it 0.01 of LPIPS.
CALIBRATIONS = {
    "cfrnet": Calibration(percentile=99.97, in_float=("skip1", "skip2", "up1")),
    "cfrnet-rt": Calibration(
        narrower=dict.fromkeys(
            ("/Add_output_0", "/decode/Relu_output_0", "/decode/conv2/Conv_output_0", "/decode/Add_output_0"), 99.99
        ),
        held={"/head/Conv_output_0": 0.35},
    ),
}


class _CycleReader(CalibrationDataReader):  # type: ignore[misc]
    """Yields the inputs of all `cycles` of every calibration face, because one static scale has to serve them all."""

    def __init__(self, model: Path, faces: NDArray[np.float32], cycles: int) -> None:
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._inputs = self._run(session, faces, cycles)
        self._part = self._inputs

    @staticmethod
    def _run(
        session: onnxruntime.InferenceSession, faces: NDArray[np.float32], cycles: int
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        for face in faces:
            x = face[None]
            for _ in range(cycles):
                yield {INPUT_NAME: x}
                (x,) = session.run(None, {INPUT_NAME: x})

    def next_part(self) -> bool:
        """Let `get_next` end after the next PART inputs; return whether there are any."""
        self._part = iter(list(itertools.islice(self._inputs, PART)))
        first = next(self._part, None)
        if first is not None:
            self._part = itertools.chain([first], self._part)
        return first is not None

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._part, None)


def quantize(
    model: Path,
    out: Path,
    faces: NDArray[np.float32],
    method: str = CALIBRATION_METHOD,
    *,
    cycles: int,
    calibration: Calibration = USUAL,
) -> None:
    """Write the QDQ INT8 twin of an FP32 generator, calibrated on `faces`, float32 (N, 3, side, side), RGB, [-1, 1].

    The last addition and clamp stay in float and use the unrounded input, so an unchanged pixel is returned exactly; so
    do the modules that `calibration` names and all that follows them. `cycles` above one feed a network its own output:
    as many as it is meant for, because scales that serve more serve each of them less. In a network with instance
    normalisation convolutions alone are quantized: HiFaceGAN's importances span five orders of magnitude, which eight
    bits cannot hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared))
        reader = _CycleReader(model, faces, cycles)
        operators = ["Conv"] if _normalises(prepared) else None
        ranges = (
            _histogram_ranges(prepared, reader, method, operators, calibration) if method in HISTOGRAM_BINS else None
        )
        network = onnx.load(prepared)
        quantize_convolutions(
            prepared,
            out,
            reader,
            method=CALIBRATION_METHODS[method],
            exclude=[node.name for node in (*_output_nodes(network), *_nodes_from(network, calibration.in_float))],
            operators=operators,
            ranges=ranges,
        )
    _add_to_the_input(out)


def quantize_convolutions(
    model: Path,
    out: Path,
    reader: CalibrationDataReader,
    *,
    method: CalibrationMethod,
    exclude: list[str],
    operators: list[str] | None = None,
    ranges: Path | None = None,
    scales: dict[str, list[dict[str, Any]]] | None = None,
) -> None:
    """Write the QDQ INT8 twin of a preprocessed `model`; nodes named in `exclude` stay in float.

    With `operators` only those are quantized.

    Weights are signed and per channel, activations unsigned. `reduce_range` keeps weights to 7 bits: without VNNI the
    16-bit sums of U8S8 saturate. With `ranges`, a file of them, nothing is calibrated; `scales` decide on the scale and
    zero point of single tensors, in ONNX Runtime's own form.
    """
    quantize_static(
        str(model),
        str(out),
        reader,
        op_types_to_quantize=operators,
        calibration_cache_path=ranges,
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        calibrate_method=method,
        nodes_to_exclude=exclude,
        extra_options={"TensorQuantOverrides": scales} if scales else None,
    )


def _normalises(model: Path) -> bool:
    return any(node.op_type == "InstanceNormalization" for node in onnx.load(model).graph.node)


def _histogram_ranges(
    model: Path, reader: _CycleReader, method: str, operators: list[str] | None, calibration: Calibration
) -> Path:
    """Write the ranges that `method` finds or `calibration` sets beside `model`, in the form `quantize_static` reads.

    ONNX Runtime keeps every value of every tensor until a histogram is made of them, which exhausts the memory for
    HiFaceGAN-Lite; given a few inputs at a time, it merges the histograms.
    """
    calibrator = create_calibrator(
        model,
        operators,
        augmented_model_path=str(model.with_name("augmented.onnx")),
        calibrate_method=CALIBRATION_METHODS[method],
        extra_options=HISTOGRAM_BINS[method] | {"percentile": calibration.percentile},
    )
    while reader.next_part():
        calibrator.collect_data(reader)
        calibrator.clear_collected_data()
    found = calibrator.compute_data()
    if method == "percentile":
        for percentile in set(calibration.narrower.values()):
            calibrator.collector.percentile = percentile
            again = calibrator.compute_data()
            for tensor in (name for name, its in calibration.narrower.items() if its == percentile):
                found[tensor] = again[tensor]
        for tensor, bound in calibration.held.items():
            low, high = found[tensor].range_value
            found[tensor] = TensorData(
                lowest=np.maximum(low, np.float32(-bound)), highest=np.minimum(high, np.float32(bound))
            )
    ranges = model.with_name("ranges.json")
    save_tensors_data(found, ranges)
    return ranges


def _output_nodes(network: onnx.ModelProto) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """The nodes between the correction and the output: the clamp (or tanh) and the addition before it."""
    makers = {name: node for node in network.graph.node for name in node.output}
    bound = makers[network.graph.output[0].name]
    return bound, makers[bound.input[0]]


def _nodes_from(network: onnx.ModelProto, modules: tuple[str, ...]) -> list[onnx.NodeProto]:
    """The nodes of the modules called `modules`, and all nodes that compute with what these give."""
    found: list[onnx.NodeProto] = []
    values: set[str] = set()
    paths = tuple(f"/{module}/" for module in modules)
    for node in network.graph.node:  # in the order of execution
        if node.name.startswith(paths) or not values.isdisjoint(node.input):
            found.append(node)
            values.update(node.output)
    return found


def _add_to_the_input(model: Path) -> None:
    """Connect the last addition of `model` to the unrounded input; the quantizer connects it to the rounded one."""
    network = onnx.load(model)
    makers = {name: node for node in network.graph.node for name in node.output}
    _, addition = _output_nodes(network)
    for place, name in enumerate(addition.input):
        if name in makers and makers[name].op_type == "DequantizeLinear":
            quantized = makers.get(makers[name].input[0])
            if quantized is not None and quantized.input[0] == INPUT_NAME:
                addition.input[place] = INPUT_NAME
    onnx.save(network, model)


def quantize_on(model: Path, out: Path, training: FaceSet, method: str = CALIBRATION_METHOD, *, network: str) -> None:
    """Quantize `model` on degraded training faces, of the size and over the cycles of the family of `network`."""
    its = family(FAMILIES[network])
    faces = calibration_faces(training, its.takes.side)
    calibration = CALIBRATIONS.get(network, USUAL)
    quantize(model, out, faces, method, cycles=its.default_k, calibration=calibration)


def calibration_faces(training: FaceSet, side: int = FACE_SIZE) -> NDArray[np.float32]:
    """Return the degraded training faces for calibration, float32 (N, 3, side, side): evenly over the whole set."""
    chosen = np.linspace(0, len(training) - 1, min(CALIBRATION_FACES, len(training))).astype(int)
    degraded, _ = seeded_pairs(training.images[chosen])
    return np.ascontiguousarray(F.avg_pool2d(degraded, FACE_SIZE // side).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description="Quantize an exported generator to INT8.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--network", choices=sorted(FAMILIES), default="cfrnet-rt", help="what was exported")
    parser.add_argument("--faces", type=Path, required=True, help="training faces, calibrated on")
    parser.add_argument("--out", type=Path, required=True, help="INT8 ONNX file to write")
    parser.add_argument("--method", choices=sorted(CALIBRATION_METHODS), default=CALIBRATION_METHOD)
    options = parser.parse_args()
    if options.out.is_dir():
        parser.error(f"--out names a file, and {options.out} is a folder")
    training, _ = load_faces(options.faces)
    quantize_on(options.model, options.out, training, options.method, network=options.network)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB), calibration {options.method}")
