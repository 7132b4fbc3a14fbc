"""One piece of a training run, for machines that are available for some minutes at a time.

`python -m training piece --preset hifacegan-lite --parts PARTS --weights DIR --out RUN --minutes 60 --piece-minutes 9`
unpacks the faces if needed, continues where the last piece stopped, and ends with a checkpoint before the time is up.
SIGTERM and Ctrl-C end a piece early, with its checkpoint.
Exit code 0 when the run is complete, 3 when another piece is needed; only the folder RUN has to be copied.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import torch

from app.core.machine import usable_cores
from training.checkpoint import read_checkpoint
from training.data import load_faces
from training.device import DEVICES, choose_device
from training.pieces.packed import unpack
from training.presets import PRESETS, Preset
from training.train import Trainer, follow_signals

UNFINISHED = 3
"""Exit code of a piece after which the run needs another."""


def train_piece(
    preset: Preset, *, parts: Path, weights: Path, out: Path, minutes: float, seconds: float, device: torch.device
) -> bool:
    """Train for at most `seconds` from now, of a run of `minutes`; return whether the run is complete.

    A run that is there in `out` is continued. The last step and the checkpoint come on top of `seconds`.
    """
    deadline = time.monotonic() + seconds
    unpack(parts, out / "faces")
    training, validation = load_faces(out / "faces")
    checkpoint = out / "checkpoint.pt"
    state = read_checkpoint(checkpoint) if checkpoint.is_file() else None
    trainer = Trainer(preset, training, validation, weights, out, state["ema"] if state else None, device=device)
    if state:
        trainer.load_state(state)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), trainer.stop)
    timer.start()
    try:
        with follow_signals(stop=trainer.stop, wake=trainer.wake):
            trainer.run(minutes)
    finally:
        timer.cancel()
    return trainer.elapsed >= 60.0 * minutes and not trainer.stopping  # then it was not evaluated


def main() -> int:
    parser = argparse.ArgumentParser(description="Train one piece of a run and stop before the time is up.")
    parser.add_argument("--preset", choices=sorted(PRESETS), required=True)
    parser.add_argument("--parts", type=Path, required=True, help="folder of what `pack` wrote")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the losses' published weights")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; faces are unpacked in it")
    parser.add_argument("--minutes", type=float, default=120.0, help="of the whole run")
    parser.add_argument("--piece-minutes", type=float, default=9.0, help="of this piece, start included")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    complete = train_piece(
        PRESETS[options.preset], parts=options.parts, weights=options.weights, out=options.out,
        minutes=options.minutes, seconds=60.0 * options.piece_minutes, device=choose_device(options.device),
    )  # fmt: skip
    print("the run is complete" if complete else "the run goes on with the next piece")
    return 0 if complete else UNFINISHED
