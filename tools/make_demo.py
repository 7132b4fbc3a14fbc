"""Makes assets/demo.mp4, the clip that plays when there is no camera.

    python tools/make_demo.py [OUTPUT]

A person sits before a webcam: she sways, leans in and out and tilts her head; the room behind stands still. Then the
picture is degraded as by a bad webcam: too little light, a soft and coarse sensor, noise, strong compression.
The person and the room come from scikit-image's astronaut picture (NASA, public domain). Every motion returns to its
start, so the clip loops without a jump. Everything random is seeded.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

WIDTH, HEIGHT, FPS, SECONDS = 640, 480, 25, 10
FACE = (225.0, 115.0)
"""Middle of the face in the source picture, the point about which she moves."""
SENSOR = 4.0
"""The webcam's sensor has this many times fewer pixels a side than the picture it delivers."""
SEED = 20260611


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo clip.")
    parser.add_argument("output", nargs="?", type=Path, default=Path(__file__).parents[1] / "assets" / "demo.mp4")
    output = parser.parse_args().output
    write_video(output, (degrade_frame(scene, moment=moment) for moment, scene in enumerate(scenes())))
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


def scenes() -> Iterator[Picture]:
    """The clean frames, uint8 (HEIGHT, WIDTH, 3) BGR: the moving person over the resting room."""
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    person = person_mask(picture)
    room = empty_room(picture, person)
    for number in range(FPS * SECONDS):
        matrix = pose(2 * math.pi * number / (FPS * SECONDS))
        moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(person, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)[:, :, None]
        yield (moved * alpha + room * (1 - alpha)).round().clip(0, 255).astype(np.uint8)


def pose(turn: float) -> Floats:
    """The 2x3 matrix from the source picture to the frame; `turn` in [0, 2 pi) is the place in the loop."""
    scale = 1.50 + 0.17 * math.sin(turn + 0.6)
    tilt = 7.0 * math.sin(2 * turn) + 3.0 * math.sin(5 * turn + 1.0)
    x = 318 + 34 * math.sin(turn) + 9 * math.sin(4 * turn + 0.5)
    y = 205 + 11 * math.sin(2 * turn + 1.0) + 4 * math.sin(6 * turn)
    matrix = np.asarray(cv2.getRotationMatrix2D(FACE, tilt, scale), np.float64)
    matrix[:, 2] += np.array((x - FACE[0], y - FACE[1]))
    return matrix.astype(np.float32)


def person_mask(picture: Picture) -> Floats:
    """Where the person is, float32 (H, W) in [0, 1] with a soft edge."""
    cv2.setRNGSeed(SEED)
    marks = np.full(picture.shape[:2], cv2.GC_PR_BGD, np.uint8)
    body = [(150, 25), (300, 25), (312, 190), (372, 330), (505, 350), (511, 511), (20, 511), (30, 290), (110, 200)]
    cv2.fillPoly(marks, [np.array(body)], cv2.GC_PR_FGD)
    for region in ([(0, 0), (140, 0), (110, 170), (40, 260), (0, 511)], [(315, 0), (511, 0), (511, 335), (372, 300)]):
        cv2.fillPoly(marks, [np.array(region)], cv2.GC_BGD)
    cv2.ellipse(marks, (226, 100), (52, 72), 0, 0, 360, cv2.GC_FGD, -1)
    inside = [(150, 170), (295, 180), (340, 300), (360, 365), (470, 380), (490, 511), (40, 511), (60, 280)]
    cv2.fillPoly(marks, [np.array(inside)], cv2.GC_FGD)
    cv2.grabCut(picture, marks, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    mask = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, areas, _ = cv2.connectedComponentsWithStats(mask)
    person = (labels == 1 + int(np.argmax(areas[1:, cv2.CC_STAT_AREA]))).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(cv2.erode(person, np.ones((3, 3))), (0, 0), 1.2), np.float32)


def empty_room(picture: Picture, person: Floats) -> Floats:
    """The room without her, out of focus, float32 (HEIGHT, WIDTH, 3) in [0, 255]."""
    seen = 1 - cv2.dilate((person > 0.02).astype(np.float32), np.ones((9, 9)))
    light = cv2.GaussianBlur(picture * seen[:, :, None], (0, 0), 40) / (
        cv2.GaussianBlur(seen, (0, 0), 40)[:, :, None] + 1e-3
    )
    edge = cv2.GaussianBlur(seen, (0, 0), 6)[:, :, None]
    room = cv2.GaussianBlur(picture * edge + light * (1 - edge), (0, 0), 4)
    left, top, scale = 8, 10, 1.32
    part = room[top : top + round(HEIGHT / scale), left : left + round(WIDTH / scale)]
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def degrade_frame(scene: Picture, *, moment: int) -> Picture:
    """Degrade a clean frame as a bad webcam does, both uint8 (HEIGHT, WIDTH, 3) BGR."""
    random = np.random.default_rng((SEED, moment))
    size = (round(WIDTH / SENSOR), round(HEIGHT / SENSOR))
    coarse = cv2.resize(cv2.GaussianBlur(scene, (0, 0), 1.8), size, interpolation=cv2.INTER_AREA)
    light = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / 255.0
    flicker = 1 + 0.03 * math.sin(2 * math.pi * 3 * moment / (FPS * SECONDS))
    light = light.clip(0, 1) ** 1.2 * np.array((0.72, 0.80, 0.86)) * 0.94 * flicker
    noise = random.normal(size=light.shape) * (0.015 + 0.030 * np.sqrt(light))
    dim = ((light + noise).clip(0, 1) * 255).round().astype(np.uint8)
    _, packed = cv2.imencode(".jpg", dim, [cv2.IMWRITE_JPEG_QUALITY, 45])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def write_video(path: Path, frames: Iterator[Picture]) -> None:
    """H.264 at a webcam call's quality. One thread and a fixed preset make it come out the same every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "26", "preset": "slow", "g": str(2 * FPS), "threads": "1"}
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
