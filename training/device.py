"""The device that training runs on."""

from __future__ import annotations

import torch

from training.errors import TrainingError

DEVICES = ("auto", "cpu", "cuda")


class DeviceError(TrainingError):
    """A device that this machine or this build of torch does not have."""


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" is a GPU where there is one. Raises DeviceError."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError("CUDA is not available here: no GPU was found, or torch is a CPU build; use --device cpu")
    return torch.device(("cuda" if available else "cpu") if name == "auto" else name)
