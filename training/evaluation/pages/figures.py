"""The figures of docs/results.md and docs/comparison.md: contact sheets and the perception-distortion curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_FILE = 600_000  # bytes; a page of pictures should stay quick to open
HEADING = 28  # pixels
PHOTO_ROWS = 8
PHOTO_SIDE = 160

Images = NDArray[np.uint8]


def draw_sheet(path: Path, rows: Images) -> None:
    """Write a contact sheet of rows input, k = 1..4, truth, uint8 (N, 6, H, W, 3) BGR, as JPEG."""
    titles = ["input", *(f"k = {k}" for k in range(1, rows.shape[1] - 1)), "truth"]
    sheet = np.vstack([np.hstack(list(row)) for row in rows])
    _write(path, np.vstack([_headings(titles, rows.shape[3]), sheet]))


def draw_comparison(path: Path, titles: Sequence[str], rows: Images) -> None:
    """Write a contact sheet with a row a method, uint8 (faces, methods, H, W, 3) BGR, as JPEG, each row with its name.

    Methods are rows here because there are more of them than faces.
    """
    faces, methods = rows.shape[:2]
    lines = []
    for method in range(methods):
        tiles = [
            cv2.resize(rows[i, method], (PHOTO_SIDE, PHOTO_SIDE), interpolation=cv2.INTER_AREA) for i in range(faces)
        ]
        heading = np.full((HEADING, PHOTO_SIDE * faces, 3), 255, np.uint8)
        _label(heading, titles[method], 8)
        lines += [heading, np.hstack(tiles)]
    _write(path, np.vstack(lines))


def draw_photos(path: Path, rows: Images) -> None:
    """Write two photographs a line, each as input, k = 1..3, uint8 (N, 4, H, W, 3) BGR; of many, an even choice."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), 2 * PHOTO_ROWS)).astype(int)]
    if len(chosen) % 2:
        chosen = chosen[:-1] if len(chosen) > 1 else np.repeat(chosen, 2, axis=0)
    shrunk = [
        np.hstack([cv2.resize(tile, (PHOTO_SIDE, PHOTO_SIDE), interpolation=cv2.INTER_AREA) for tile in row])
        for row in chosen
    ]
    lines = [np.hstack(shrunk[i : i + 2]) for i in range(0, len(shrunk), 2)]
    titles = ["input", *(f"k = {k}" for k in range(1, rows.shape[1]))]
    _write(path, np.vstack([_headings(titles * 2, PHOTO_SIDE), *lines]))


def draw_trade_off(path: Path, means: dict[str, dict[str, float]], cycles: int) -> None:
    """Plot perception against distortion: PSNR and LPIPS of the input and every k, for precisions and backbones."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
    for axis, (metric, title) in zip(axes, (("lpips_alex", "AlexNet"), ("lpips_vgg", "VGG16")), strict=True):
        for precision, style in (("int8", "o-"), ("fp32", "x:")):
            points = [means[f"{precision} k{k}"] for k in range(1, cycles + 1)]
            axis.plot([p["psnr"] for p in points], [p[metric] for p in points], style, label=precision.upper())
        for k in range(1, cycles + 1):
            point = means[f"int8 k{k}"]
            axis.annotate(
                f"k={k}", (point["psnr"], point[metric]), textcoords="offset points", xytext=(6, 6), fontsize=8
            )
        axis.plot(means["input"]["psnr"], means["input"][metric], "ks", label="input")
        axis.margins(0.15)
        axis.set_xlabel("PSNR in dB, more is closer")
        axis.set_ylabel(f"LPIPS ({title}), less looks closer")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _headings(titles: list[str], width: int) -> Images:
    bar = np.full((HEADING, width * len(titles), 3), 255, np.uint8)
    for i, title in enumerate(titles):
        _label(bar, title, i * width + 8)
    return bar


def _label(bar: Images, title: str, left: int) -> None:
    cv2.putText(bar, title, (left, HEADING - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)


def _write(path: Path, image: Images) -> None:
    """Write with the best JPEG quality that keeps the file under LARGEST_FILE."""
    for quality in (92, 88, 84, 80, 75, 70, 60):
        ok, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        if not ok:
            raise ValueError(f"cannot encode {path.name} of shape {image.shape} as JPEG")
        if data.size <= LARGEST_FILE:
            break
    path.write_bytes(data.tobytes())
