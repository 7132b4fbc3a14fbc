"""Make the detector that follows a face from frame to frame: one branch of SCRFD, its backbone in INT8.

`python -m training.window_detector models/scrfd_2.5g_kps.onnx --faces DIR --out models/scrfd_2.5g_window.int8.onnx`

A window always shows its face at the same size, and one of SCRFD's three branches answers for that size, so the others
are cut off. The backbone, where the time goes, is quantized; the feature pyramid and the heads stay in float, because
eight bits there make the landmarks tremble.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.utils
import onnx.version_converter
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.core.types import Image, Points
from app.faces.alignment import estimate_similarity, transform, warp_window
from app.faces.detector import CLOSE_STRIDE, WINDOW, FaceDetector, window_tensor
from app.faces.sighting import window_matrix
from training.data import FaceSet, load_faces
from training.degradation import TrainingDegradation
from training.export import OPSET
from training.quantize import quantize_convolutions

CALIBRATION_WINDOWS = 200
_DRAWS = 6

Window = tuple[Image, Points]
"""uint8 (WINDOW, WINDOW, 3) BGR, and the five landmarks in it, float32 (5, 2)."""

# The first convolution of the feature pyramid: from here on everything is computed in float.
_PYRAMID = "Conv_80"


class _WindowReader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, windows: Iterator[Window]) -> None:
        self._inputs = ({name: window_tensor(image)} for image, _ in windows)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._inputs, None)


def cut_windows(faces: FaceSet, count: int = CALIBRATION_WINDOWS, seed: int = 0) -> Iterator[Window]:
    """Windows round `count` faces as the tracker cuts them, and where their landmarks are.

    Evenly over the whole set, degraded as for training, and as far off the middle, turned and zoomed as a face that
    moves is from one frame to the next.
    """
    rng = np.random.default_rng(seed)
    degrade = TrainingDegradation()
    for index in np.linspace(0, len(faces) - 1, min(count, len(faces))).astype(int):
        matrix = np.vstack((window_matrix(estimate_similarity(faces.landmarks[index])), (0, 0, 1)))
        moved = cv2.getRotationMatrix2D((WINDOW / 2, WINDOW / 2), rng.normal(0, 6), np.exp(rng.normal(0, 0.1)))
        moved[:, 2] += rng.normal(0, 0.02 * WINDOW, 2)
        way = (moved @ matrix).astype(np.float32)
        yield warp_window(degrade(faces.images[index], rng), way, WINDOW), transform(faces.landmarks[index], way)


def close_branch(detector: Path) -> onnx.ModelProto:
    """The part of SCRFD that the outputs of stride CLOSE_STRIDE depend on, for windows of WINDOW pixels."""
    model = onnx.load(detector)
    outputs = [f"{kind}_{CLOSE_STRIDE}" for kind in ("score", "bbox", "kps")]
    part = onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], outputs)
    del part.graph.value_info[:]  # shapes that were inferred before the size was known
    for dimension in part.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_value = WINDOW
    return onnx.version_converter.convert_version(part, OPSET)  # scales for each channel need it


def make_window_detector(detector: Path, out: Path, windows: Iterator[Window]) -> None:
    """Write the INT8 window detector of the SCRFD file `detector`, calibrated on `windows`."""
    with tempfile.TemporaryDirectory() as folder:
        cut, prepared = Path(folder) / "cut.onnx", Path(folder) / "prepared.onnx"
        model = close_branch(detector)
        onnx.save(model, cut)
        # Symbolic inference gives up on the pyramid's resizing; with a fixed size ONNX's own inference is enough.
        quant_pre_process(str(cut), str(prepared), skip_symbolic_shape=True)
        nodes = [node.name for node in onnx.load(prepared).graph.node]
        quantize_convolutions(
            prepared,
            out,
            _WindowReader(model.graph.input[0].name, windows),
            method=CalibrationMethod.MinMax,
            exclude=nodes[nodes.index(_PYRAMID) :],
        )


def judge(detector: FaceDetector, windows: Iterable[Window]) -> tuple[float, float]:
    """(distance, trembling) of the landmarks in window pixels.

    The mean distance from where they are, over the faces that are found, and the mean standard deviation of a
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
        onnx.save(close_branch(options.detector), reference)
        for name, path in (("FP32", reference), ("INT8", options.out)):
            distance, trembling = judge(FaceDetector(options.detector, path), windows)
            print(f"{name}: landmarks {distance:.3f} pixels off, trembling by {trembling:.3f} under noise")


if __name__ == "__main__":
    main()
