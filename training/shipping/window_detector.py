"""Making the window detector: one branch of SCRFD with its backbone in INT8.

`python -m training window-detector models/scrfd_2.5g_kps.onnx --faces DIR --out models/scrfd_2.5g_window.int8.onnx`

A window always shows its face at the same size, which one of SCRFD's three branches detects, so the others are removed.
The backbone, which takes most of the time, is quantized; the feature pyramid and the heads stay in float, because
eight bits there make the landmarks jitter.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import onnx.utils
import onnx.version_converter
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.core.types import Image, Points
from app.faces.alignment import estimate_similarity, transform, warp_window
from app.faces.detector import CLOSE_STRIDE, WINDOW, FaceDetector
from app.faces.window_detection import window_matrix
from training.data import FaceSet, load_faces
from training.degradation.mixture import TrainingDegradation
from training.shipping.export import OPSET
from training.shipping.quantize import KERNEL_CHANNELS, quantize_convolutions

CALIBRATION_WINDOWS = 200
_DRAWS = 6

# The bytes of a window represent (byte - ZERO_POINT) * SCALE in the tensor VALUES.
VALUES, SCALE, ZERO_POINT = "pair_values", 1 / 128, 128

Window = tuple[Image, Points]
"""uint8 (WINDOW, WINDOW, 3) BGR, and the five landmarks in it, float32 (5, 2)."""

# The first convolution of the feature pyramid: from here on everything is computed in float.
_PYRAMID = "Conv_80"


class _WindowReader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, windows: Iterator[Window]) -> None:
        self._inputs = ({VALUES: pair_values(image)} for image, _ in windows)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._inputs, None)


def cut_windows(faces: FaceSet, count: int = CALIBRATION_WINDOWS, seed: int = 0) -> Iterator[Window]:
    """Yield windows round `count` faces as the tracker cuts them, with their landmarks.

    They are spread evenly over the set, degraded by the paper's D, the webcam D or not at all, and shifted, turned and
    zoomed as a moving face is from one frame to the next.
    """
    rng = np.random.default_rng(seed)
    degrade = TrainingDegradation(paper=0.68, webcam=0.28, call=0.0, shapes=0.0)
    for index in np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int):
        matrix = np.vstack((window_matrix(estimate_similarity(faces.landmarks[index])), (0, 0, 1)))
        turned = cv2.getRotationMatrix2D((WINDOW / 2, WINDOW / 2), rng.normal(0, 6), np.exp(rng.normal(0, 0.1)))
        moved = np.asarray(turned, np.float64)
        moved[:, 2] += rng.normal(0, 0.02 * WINDOW, 2)
        way = (moved @ matrix).astype(np.float32)
        yield warp_window(degrade(faces.images[index], rng), way, WINDOW), transform(faces.landmarks[index], way)


def close_branch(detector: Path) -> onnx.ModelProto:
    """Return the part of SCRFD that the outputs of stride CLOSE_STRIDE depend on, with the input of `pair_values`."""
    model = onnx.load(detector)
    outputs = [f"{kind}_{CLOSE_STRIDE}" for kind in ("score", "bbox", "kps")]
    part = onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], outputs)
    del part.graph.value_info[:]  # shapes that were inferred before the size was known
    pair_pixels(part.graph)
    fold_average_pools(part.graph)
    fill_channels(part.graph)
    return onnx.version_converter.convert_version(part, OPSET)  # scales for each channel need it


def pair_values(window: Image) -> NDArray[np.float32]:
    """Return the network's input for uint8 (WINDOW, WINDOW, 3) BGR: float32 (1, 6, WINDOW, WINDOW / 2)."""
    pairs = window.reshape(WINDOW, WINDOW // 2, 6).transpose(2, 0, 1)[None]
    return (pairs.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)


def pair_pixels(graph: onnx.GraphProto) -> None:
    """Let the first convolution, 3x3 with stride 2 over RGB, read two adjacent BGR pixels as one of six channels.

    It is then 3x2 with stride (2, 1), and a picture's bytes need no moving. SCRFD takes (byte - 127.5) / 128, but a
    zero point is a whole number, so the half goes into the bias.
    """
    convolution = graph.node[0]
    weights = {tensor.name: tensor for tensor in graph.initializer}
    old, bias = (onnx.numpy_helper.to_array(weights[name]) for name in convolution.input[1:])
    taps = np.pad(old[:, ::-1], ((0, 0), (0, 0), (0, 0), (1, 0)))  # columns -2 ... 1 about a pair's first pixel
    outputs, colours, rows, columns = taps.shape
    new = taps.reshape(outputs, colours, rows, columns // 2, 2).transpose(0, 4, 1, 2, 3)
    new = new.reshape(outputs, 2 * colours, rows, columns // 2)
    bias = bias + old.sum(axis=(1, 2, 3)) * (ZERO_POINT - 127.5) * SCALE
    for name, values in zip(convolution.input[1:], (new, bias), strict=True):
        _rewrite(weights[name], values)
    del convolution.attribute[:]
    convolution.attribute.extend(
        onnx.helper.make_attribute(name, value)
        for name, value in (("kernel_shape", (3, 2)), ("strides", (2, 1)), ("pads", (1, 1, 0, 0)))
    )
    shape = (1, 2 * colours, WINDOW, WINDOW // 2)
    graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info(VALUES, onnx.TensorProto.FLOAT, shape))
    convolution.input[0] = VALUES


def take_bytes(model: onnx.ModelProto) -> None:
    """Make the input of `model`, so far `pair_values`, the window itself: uint8 (1, WINDOW, WINDOW, 3) BGR.

    Where the values are quantized, the bytes take their place; else the bytes are dequantized.
    """
    graph = model.graph
    shape = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    _, channels, height, width = shape
    constants = {"pairs_shape": np.array((1, height, width, channels), np.int64)}
    window = onnx.helper.make_tensor_value_info("window", onnx.TensorProto.UINT8, (1, height, 2 * width, channels // 2))
    front = [
        onnx.helper.make_node("Reshape", ("window", "pairs_shape"), ("pairs",)),
        onnx.helper.make_node("Transpose", ("pairs",), ("pair_bytes",), perm=(0, 3, 1, 2)),
    ]
    graph.input[0].CopyFrom(window)
    quantizers = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] == VALUES]
    if quantizers:
        graph.node.remove(quantizers[0])
        front[-1].output[0] = quantizers[0].output[0]
    else:
        constants |= {"window_scale": np.array(SCALE, np.float32), "window_zero_point": np.array(ZERO_POINT, np.uint8)}
        dequantized = ("pair_bytes", "window_scale", "window_zero_point")
        front.append(onnx.helper.make_node("DequantizeLinear", dequantized, (VALUES,)))
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    for node in reversed(front):
        graph.node.insert(0, node)


def fold_average_pools(graph: onnx.GraphProto) -> None:
    """Merge every 2x2 average pooling with the 1x1 convolution behind it into one equal convolution."""
    users = {name: node for node in graph.node for name in node.input}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for pool in [node for node in graph.node if node.op_type == "AveragePool"]:
        convolution = users[pool.output[0]]
        weight = weights[convolution.input[1]]
        _rewrite(weight, np.tile(onnx.numpy_helper.to_array(weight) / 4, (1, 1, 2, 2)))
        convolution.input[0] = pool.input[0]
        for attribute in convolution.attribute:
            if attribute.name in ("kernel_shape", "strides"):
                attribute.ints[:] = (2, 2)
        graph.node.remove(pool)


def fill_channels(graph: onnx.GraphProto) -> None:
    """Pad the layers of 12 channels behind the input with zero channels to the 16 that a kernel computes at once.

    With 12, the kernels use their slow path, at the largest resolution of the network.
    """
    users = {name: node for node in graph.node for name in node.input}
    weights = {tensor.name: tensor for tensor in graph.initializer}

    def widen(name: str, axis: int) -> None:
        values = onnx.numpy_helper.to_array(weights[name])
        more = [(0, -values.shape[axis] % KERNEL_CHANNELS if each == axis else 0) for each in range(values.ndim)]
        _rewrite(weights[name], np.pad(values, more))

    convolution = users[VALUES]
    while weights[convolution.input[1]].dims[0] < KERNEL_CHANNELS:
        _, weight, bias = convolution.input
        convolution = users[users[convolution.output[0]].output[0]]  # the one behind the ReLU
        widen(weight, 0)
        widen(bias, 0)
        widen(convolution.input[1], 1)


def _rewrite(weight: onnx.TensorProto, values: NDArray[np.floating]) -> None:
    weight.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values, np.float32), weight.name))


def make_window_detector(detector: Path, out: Path, windows: Iterator[Window]) -> None:
    """Write the INT8 window detector of the SCRFD file `detector`, calibrated on `windows`."""
    with tempfile.TemporaryDirectory() as folder:
        cut, prepared = Path(folder) / "cut.onnx", Path(folder) / "prepared.onnx"
        onnx.save(close_branch(detector), cut)
        # Symbolic inference gives up on the pyramid's resizing; with a fixed size ONNX's own inference is enough.
        quant_pre_process(str(cut), str(prepared), skip_symbolic_shape=True)
        nodes = [node.name for node in onnx.load(prepared).graph.node]
        quantize_convolutions(
            prepared,
            out,
            _WindowReader(windows),
            method=CalibrationMethod.MinMax,
            exclude=nodes[nodes.index(_PYRAMID) :],
            scales={VALUES: [{"scale": np.array(SCALE, np.float32), "zero_point": np.array(ZERO_POINT, np.uint8)}]},
        )
    model = onnx.load(out)
    take_bytes(model)
    onnx.save(model, out)


def judge(detector: FaceDetector, windows: Iterable[Window]) -> tuple[float, float]:
    """Return (distance, jitter) of the landmarks in window pixels.

    The mean distance from the true landmarks, over the faces that are found, and the mean standard deviation of a
    coordinate under sensor noise of sigma 3.
    """
    rng = np.random.default_rng(0)
    distances, deviations = [], []
    for image, landmarks in windows:
        noisy = [np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for _ in range(_DRAWS)]
        found = [detector.detect_close(each) for each in (image, *noisy)]
        if all(found):
            points = np.stack([faces[0].landmarks for faces in found])
            distances.append(np.linalg.norm(points[0] - landmarks, axis=1).mean())
            deviations.append(points[1:].std(axis=0).mean())
    return float(np.mean(distances)), float(np.mean(deviations))


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut and quantize the detector for windows.")
    parser.add_argument("detector", type=Path, help="SCRFD-2.5G with key points, its input size free")
    parser.add_argument("--faces", type=Path, required=True, help="training faces, calibrated on")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    training, validation = load_faces(options.faces)
    make_window_detector(options.detector, options.out, cut_windows(training))
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")
    windows = list(cut_windows(validation))
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "fp32.onnx"
        exact = close_branch(options.detector)
        take_bytes(exact)
        onnx.save(exact, reference)
        for name, path in (("FP32", reference), ("INT8", options.out)):
            distance, jitter = judge(FaceDetector(options.detector, path), windows)
            print(f"{name}: landmarks {distance:.3f} pixels off, {jitter:.3f} of jitter under noise")
