"""What the comparison of FP16 with FP32 measures, and where the page has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.restorers.networks import network, scale_and_shift
from training.evaluation.half import CYCLES, judge_half
from training.evaluation.pages.results import half_lines, replace_section


def brightness(shown: Tensor, truth: Tensor) -> Tensor:
    """A stand-in for LPIPS, whose weights are not in the repository: mean |shown - truth|."""
    return (shown - truth).abs().mean(dim=(1, 2, 3))


@pytest.fixture(scope="module")
def means() -> dict[str, dict[str, float]]:
    faces = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    content = network(scale_and_shift(0.9), takes=256, gives=256)
    return judge_half(content, faces, brightness).means()  # type: ignore[arg-type]


def test_fp16_is_next_to_fp32_at_every_k(means: dict[str, dict[str, float]]) -> None:
    for k in range(1, CYCLES + 1):
        half, exact = means[f"fp16 k{k}"], means[f"fp32 k{k}"]
        assert half["psnr"] == pytest.approx(exact["psnr"], abs=0.01)
        assert half["lpips_alex"] == pytest.approx(exact["lpips_alex"], abs=0.001)
        assert 0 < half["difference"] < 0.1, "the rounding is there, and small"
    assert torch.isfinite(torch.tensor([row["psnr"] for row in means.values()])).all()


def test_the_page_keeps_everything_else_and_has_the_section_once(
    means: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    document: dict[str, Any] = {
        "date": "2026-01-02", "network": "one", "model": "ab" * 32, "set": "faces", "faces": 3, "means": means,
    }  # fmt: skip
    page = tmp_path / "results.md"
    page.write_text("# Results\n\nOne.\n\n## Targets\n\nTwo.\n\n## How the metrics are defined\n\nThree.\n")
    lines = list(half_lines(document))
    replace_section(page, lines)
    first = page.read_text()
    replace_section(page, lines)
    assert page.read_text() == first
    assert first.count("## FP16 minus FP32") == 1
    assert first.index("## Targets") < first.index("## FP16") < first.index("## How the metrics")
    assert first.startswith("# Results\n\nOne.\n\n## Targets\n\nTwo.\n\n## FP16")
    assert first.endswith("## How the metrics are defined\n\nThree.\n")
    assert len([line for line in first.splitlines() if line.startswith(("| 1 |", "| 4 |"))]) == 2
    replace_section(tmp_path / "none.md", lines)
    assert not (tmp_path / "none.md").exists()
