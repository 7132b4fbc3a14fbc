"""The base of training methods: a generator, its moving average, critics, optimizers, and a device."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from training.checkpoint import full_precision
from training.data import Batch
from training.networks import build_generator
from training.optim import generator_optimizers
from training.presets import Preset, Stage

CLEARLY_FASTER = 0.8
"""Share of single precision's time below which half precision is used; timing on a busy machine is inexact."""


class Method(ABC):
    """The networks of a run and one step of their training.

    `like`: weights of the generator that will be loaded, when it may have been pruned.
    """

    memory_format: ClassVar[torch.memory_format] = torch.channels_last
    """The layout of the convolutions' tensors that trains fastest on a CPU."""
    critic_momentum: ClassVar[float] = 0.5

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        self.preset, self.device = preset, device
        self.layout = torch.channels_last if device.type == "cuda" else self.memory_format
        self.rng = np.random.default_rng(preset.seed)
        self.generator = self.place(build_generator(preset.network, like))
        self.average = self.place(build_generator(preset.network, like))
        self.average.load_state_dict(self.generator.state_dict())
        # In evaluation mode, or batch normalisation would take the statistics of the faces it is validated on.
        self.average.requires_grad_(False).eval()
        self.critics = self.place(self.build_critics())
        self.optimizers = self.build_optimizers()
        self.critic_optimizer = torch.optim.Adam(
            [{"params": list(self.critics.parameters())}], preset.critic_lr, betas=(self.critic_momentum, 0.99)
        )
        self.bfloat16 = bfloat16_pays(self.generator, device, self.layout)

    @abstractmethod
    def build_critics(self) -> nn.Module:
        """Build the discriminators that a run without a state of theirs begins with."""

    @abstractmethod
    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step on a batch and return every weighted term.

        `progress` in [0, 1] is that of the stage, `steps` the number of steps taken before.
        """

    def build_optimizers(self) -> list[torch.optim.Optimizer]:
        """Build the generator's optimizers."""
        return generator_optimizers(self.generator, self.preset.lr)

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the layout that trains fastest there."""
        return network.to(self.device).to(memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def autocast(self) -> torch.autocast:
        """Compute in bfloat16 where that is faster."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def descend(self, terms: Mapping[str, Tensor]) -> None:
        """Step the generator down the sum of the terms, the gradient's norm held to one."""
        torch.stack([term.float() for term in terms.values()]).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        with self.autocast():  # Muon's matrix products
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

    def descend_critics(self, loss: Tensor) -> None:
        """Step the critics down their loss."""
        loss.backward()
        self.critic_optimizer.step()
        self.critic_optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def update_average(self, steps: int) -> None:
        """Move the averaged weights towards the generator's after `steps` steps; buffers are copied."""
        decay = min(self.preset.ema, (1 + steps) / (10 + steps))
        for average, parameter in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            average.lerp_(parameter, 1.0 - decay)
        for kept, buffer in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            kept.copy_(buffer)

    def state(self) -> dict[str, Any]:
        """Return the networks and optimizers for a resumed run."""
        return {
            "ema": self.average.state_dict(),
            "generator": self.generator.state_dict(),
            "critics": self.critics.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in (*self.optimizers, self.critic_optimizer)],
        }

    def load_weights(self, state: Mapping[str, Any]) -> None:
        """Load the weights of a checkpoint; a slim one has only the generator's average."""
        self.average.load_state_dict(full_precision(state["ema"]))
        self.generator.load_state_dict(full_precision(state.get("generator", state["ema"])))
        if state.get("critics") and self.critics.state_dict():
            self.critics.load_state_dict(full_precision(state["critics"]))

    def load_optimizers(self, state: Mapping[str, Any]) -> None:
        """Load the momenta of a checkpoint; the rates are the recipe's, which may have changed."""
        optimizers = (*self.optimizers, self.critic_optimizer)
        for optimizer, saved in zip(optimizers, state.get("optimizers", ()), strict=False):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def bfloat16_pays(generator: nn.Module, device: torch.device, layout: torch.memory_format) -> bool:
    """Whether autocast trains faster: always on a GPU; on a CPU with matrix units (AMX), a loss without them."""
    if device.type != "cpu":
        return device.type == "cuda"
    x = torch.zeros(4, 3, 128, 128).contiguous(memory_format=layout)

    def seconds(enabled: bool) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled):
                loss = generator(x).float().mean()
            loss.backward()
            best = min(best, time.perf_counter() - start)
        generator.zero_grad(set_to_none=True)
        return best

    return seconds(True) < CLEARLY_FASTER * seconds(False)


def ramp(progress: float, part: float) -> float:
    """Rise from 0 to 1 over the first `part` of a stage."""
    return min(1.0, progress / part) if part else 1.0
