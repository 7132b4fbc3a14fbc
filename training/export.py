"""Export a trained generator to FP32 ONNX: `python -m training.export CHECKPOINT --out models/cfrnet-rt.fp32.onnx`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from training.checkpoint import load_generator
from training.data import FACE_SIZE

OPSET = 17
INPUT_NAME, OUTPUT_NAME = "x", "y"


def export_onnx(generator: nn.Module, path: Path) -> None:
    """Write one cycle as ONNX: float32 (1, 3, 256, 256), RGB, [-1, 1], to the same.

    The batch is fixed at one and the size at 256: with every shape known, ONNX Runtime plans its memory once.
    """
    example = torch.zeros(1, 3, FACE_SIZE, FACE_SIZE)
    torch.onnx.export(
        generator.eval(),
        (example,),
        str(path),
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        opset_version=OPSET,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Export the EMA weights of a checkpoint to FP32 ONNX.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    export_onnx(load_generator(options.checkpoint), options.out)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
