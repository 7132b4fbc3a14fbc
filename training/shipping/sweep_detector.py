"""Making the sweep detector: the whole of SCRFD in INT8, but for the last convolution of every head.

`python -m training sweep-detector models/scrfd_2.5g_kps.onnx --faces DIR --out models/scrfd_2.5g_sweep.int8.onnx`

What it finds is inspected again in a window, so its landmarks need only be near (docs/decisions/sweep-detector.md).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.core.types import Face, Frame, Image, Points
from app.faces.alignment import estimate_similarity, scale_of
from app.faces.detector import FaceDetector
from app.faces.still_detector import StillDetector
from app.faces.sweep_detector import SweepDetector
from app.faces.tracker import FaceTracker
from app.restorers.store import ModelStore
from training.data import FaceSet, load_faces
from training.shipping.export import OPSET
from training.shipping.quantize import quantize_convolutions
from training.shipping.window_detector import fold_average_pools

CALIBRATION_SCENES = 24
SCENE = (640, 480)
"""Width and height in pixels of a scene that is calibrated on."""

_FACES = 5  # in a scene
_ATTEMPTS = 30
_SMALLEST = 8
_SMALLEST_SHARE, _LARGEST_SHARE = 1 / 80, 1 / 2  # of the scene's width

Scene = tuple[Image, Points]
"""uint8 (H, W, 3) BGR, and the middle x, y and the side in pixels of each face's square, float32 (N, 3)."""


class _SceneReader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, scenes: Iterator[Scene]) -> None:
        self._inputs = (
            {"input.1": np.asarray(cv2.dnn.blobFromImage(image, 1 / 128, mean=(127.5,) * 3, swapRB=True), np.float32)}
            for image, _ in scenes
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._inputs, None)


def draw_scenes(faces: FaceSet, count: int, *, size: tuple[int, int] = SCENE, seed: int = 0) -> Iterator[Scene]:
    """Yield scenes of `size` (width, height): faces of all sizes, tilted, some blurred, over a blurred noisy one.

    Every scene went through a JPEG.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    for _ in range(count):
        blurred = cv2.GaussianBlur(_any(faces, rng)[: int(rng.integers(20, 80))], (0, 0), 3)
        ground = cv2.resize(blurred, size, interpolation=cv2.INTER_CUBIC)
        scene = np.clip(ground + rng.normal(0, 4, ground.shape), 0, 255).astype(np.uint8)
        squares: list[tuple[int, int, int]] = []
        for _ in range(_ATTEMPTS):
            side = round(width * float(np.exp(rng.uniform(np.log(_SMALLEST_SHARE), np.log(_LARGEST_SHARE)))))
            side = min(max(side, _SMALLEST), height)
            x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
            if len(squares) == _FACES or any(
                x < left + other and left < x + side and y < top + other and top < y + side
                for left, top, other in squares
            ):
                continue
            scene[y : y + side, x : x + side] = _tilted(_any(faces, rng), side, rng)
            squares.append((x, y, side))
        _, coded = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
        truth = [(x + side / 2, y + side / 2, side) for x, y, side in squares]
        yield np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8), np.array(truth, np.float32).reshape(-1, 3)


def _any(faces: FaceSet, rng: np.random.Generator) -> Image:
    return np.asarray(faces.images[rng.integers(len(faces))])


def _tilted(face: Image, side: int, rng: np.random.Generator) -> Image:
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA if side < len(face) else cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        small = cv2.GaussianBlur(small, (0, 0), max(0.3, side / 200 * rng.uniform(0, 2)))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 15), 1)
    return np.asarray(cv2.warpAffine(small, turn, (side, side), borderMode=cv2.BORDER_REFLECT), np.uint8)


def make_sweep_detector(detector: Path, out: Path, scenes: Iterator[Scene]) -> None:
    """Write the INT8 twin of the SCRFD file `detector`, calibrated on `scenes`."""
    model = onnx.load(detector)
    del model.graph.value_info[:]  # shapes that were inferred before the size was known
    fold_average_pools(model.graph)
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "plain.onnx", Path(folder) / "prepared.onnx"
        onnx.save(onnx.version_converter.convert_version(model, OPSET), plain)  # scales for each channel need it
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        quantize_convolutions(
            prepared,
            out,
            _SceneReader(scenes),
            method=CalibrationMethod.MinMax,
            exclude=_last_layers(onnx.load(prepared).graph),
        )


def _last_layers(graph: onnx.GraphProto) -> list[str]:
    """The names of the nodes behind the last activation, ending in the network's outputs."""
    wanted, last = {output.name for output in graph.output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output) and node.op_type != "Relu":
            last.append(node.name)
            wanted |= set(node.input)
    return last


def judge(detector: FaceDetector, scenes: list[Scene]) -> tuple[float, int, list[list[Face]]]:
    """Return the share of faces that a still's restoration finds, other finds, and all finds of every scene."""
    tracked, hit, drawn = [], 0, 0
    for image, truth in scenes:
        frame = Frame(image=image, index=0, t_capture=0.0, t_media=0.0)
        faces = FaceTracker(StillDetector(detector)).update(frame, detect_size=1280, max_faces=0)
        tracked.append(list(faces))
        middles = np.array([face.landmarks.mean(axis=0) for face in faces], np.float32).reshape(-1, 2)
        for x, y, side in truth:
            hit += bool((np.hypot(middles[:, 0] - x, middles[:, 1] - y) < 0.25 * side).any())
        drawn += len(truth)
    return hit / drawn, sum(map(len, tracked)) - hit, tracked


def distances(ours: list[list[Face]], theirs: list[list[Face]]) -> NDArray[np.float32]:
    """Return how far the landmarks of the same faces lie apart, mean of five, in pixels of their crops."""
    apart = [
        np.linalg.norm(first.landmarks - second.landmarks, axis=1).mean()
        * scale_of(estimate_similarity(second.landmarks))
        for some, others in zip(ours, theirs, strict=True)
        for first in some
        for second in others
    ]
    same = 20.0  # pixels of a crop; two faces are further apart
    return np.array([each for each in apart if each < same], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description="Quantize the detector for sweeps of files.")
    parser.add_argument("detector", type=Path, help="SCRFD-2.5G with key points, its input size free")
    parser.add_argument("--faces", type=Path, required=True, help="training faces, calibrated on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=100, help="of validation faces, to compare on")
    options = parser.parse_args()
    training, validation = load_faces(options.faces)
    make_sweep_detector(options.detector, options.out, draw_scenes(training, CALIBRATION_SCENES))
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")
    scenes = list(draw_scenes(validation, options.scenes, size=(1152, 864)))
    _, window = ModelStore().detector_paths()
    found = {}
    for name, path in (("FP32", options.detector), ("INT8", options.out)):
        recall, others, found[name] = judge(SweepDetector(path, window), scenes)
        print(f"{name}: {recall:.1%} of the faces found, {others} other finds")
    apart = distances(found["INT8"], found["FP32"])
    print(f"landmarks {apart.mean():.2f} pixels of a crop apart, {np.percentile(apart, 95):.2f} at the 95th percentile")
