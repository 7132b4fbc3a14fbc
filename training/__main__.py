"""`python -m training COMMAND`: every step from faces to shipped files is one of these commands.

What is wrong with files, folders or the machine is printed, and the exit code is 1.
"""

from __future__ import annotations

import importlib
import sys

from app.core.errors import AppError
from training.errors import TrainingError

COMMANDS = {
    "prepare": ("training.prepare", "make a training folder of any pictures"),
    "contact-sheet": ("training.degradation.contact_sheet", "draw what a degradation does to faces"),
    "train": ("training.train", "train a generator"),
    "ablations": ("training.ablations", "train and compare the paper's ablations, writes docs/ablations.md"),
    "pack": ("training.pieces.packed", "pack a training folder into parts that travel"),
    "piece": ("training.pieces.piece", "train one piece of a run on a machine that is lent for minutes"),
    "gradients": ("training.gradients", "compare the gradients of the loss terms"),
    "prune": ("training.shipping.prune", "remove channels that carry next to nothing"),
    "deepen": ("training.networks.deepen", "add residual blocks to a trained cfrnet-rt"),
    "export": ("training.shipping.export", "export a checkpoint to FP32 ONNX"),
    "quantize": ("training.shipping.quantize", "quantize an exported generator to INT8"),
    "manifest": ("training.shipping.manifest", "write models/manifest.json"),
    "publish": ("training.shipping.publish", "export, quantize and describe a checkpoint in one go"),
    "window-detector": ("training.shipping.window_detector", "make the INT8 detector that follows faces"),
    "sweep-detector": ("training.shipping.sweep_detector", "make the INT8 detector for sweeps of files"),
    "half": ("training.evaluation.half", "measure what the conversion to FP16 changes"),
    "steadiness": ("training.evaluation.videos.steadiness", "measure how steady restored videos are"),
    "super-resolution": ("training.evaluation.super_resolution", "measure PFSRNet at 16 -> 128 in three precisions"),
    "compare": ("training.evaluation.comparison", "measure every shipped network and write docs/comparison.md"),
    "evaluate": ("training.evaluation.evaluate", "measure the shipped networks and write docs/results.md"),
}


def main(arguments: list[str]) -> int:
    """Run one command with the arguments after its name; without a name, list them. Returns the exit code."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print("usage: python -m training COMMAND [OPTIONS]\n")
        for command, (_, purpose) in COMMANDS.items():
            print(f"  {command:{max(map(len, COMMANDS))}}  {purpose}")
        return 0 if name in ("-h", "--help") else 2
    sys.argv = [f"python -m training {name}", *arguments[1:]]
    try:
        return importlib.import_module(COMMANDS[name][0]).main() or 0
    except (AppError, TrainingError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
