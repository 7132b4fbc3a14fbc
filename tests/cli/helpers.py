"""What the command line answered, and how two pictures differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What `--json` printed: the whole of stdout."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


Cli = Callable[..., Answer]


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Largest absolute difference over the channels, int32 (H, W)."""
    apart = np.abs(first.astype(np.int32) - second.astype(np.int32))
    return apart.max(axis=2) if apart.ndim == 3 else apart


def read(path: Path) -> NDArray[Any]:
    """The picture's pixels in its own depth and channels."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def leftovers(folder: Path) -> list[str]:
    """Every file in `folder`, sorted: a half-written output would show here."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
