"""Checkpoints of training runs: writing and reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.networks import build_generator


class CheckpointError(TrainingError):
    """A file that is not a checkpoint of this package, or cannot be written."""


def load_generator(path: Path) -> nn.Module:
    """Load the EMA generator of a checkpoint, in evaluation mode. Raises CheckpointError."""
    state = read_checkpoint(path)
    generator = build_generator(state["network"], like=state["ema"])
    generator.load_state_dict(full_precision(state["ema"]))
    return generator.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def full_precision(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights that were kept in half precision (`slim`) in single precision; integers stay as they are."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def read_checkpoint(path: Path) -> dict:  # type: ignore[type-arg]
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    if not isinstance(state, dict) or "ema" not in state or "network" not in state:
        raise CheckpointError(f"{path} is no checkpoint of this package: it lacks 'network' or 'ema'")
    return state


def save_checkpoint(path: Path, state: dict) -> None:  # type: ignore[type-arg]
    """Write `state` atomically, so that an interrupted run keeps its last checkpoint. Raises CheckpointError."""
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # RuntimeError is torch's answer to a full disk
        part.unlink(missing_ok=True)
        raise CheckpointError(f"{path} cannot be written: {error}") from error


def slim(state: dict) -> dict:  # type: ignore[type-arg]
    """Return what another run needs to continue, in half precision and without optimizers: small enough to commit."""
    half = {
        group: {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state[group].items()}
        for group in ("ema", "critics")
        if group in state
    }
    return {key: state[key] for key in ("network", "preset", "began", "elapsed", "steps") if key in state} | half
