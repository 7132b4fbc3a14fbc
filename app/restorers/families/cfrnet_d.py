"""CFRNet-D: CFRNet's body trained for a single pass, the paper's direct regression (arXiv 2606.06850, section IV).

Fed its own output again, it is the paper's direct-2 baseline for the fixed-point training.
"""

from __future__ import annotations

from dataclasses import replace

from app.core.words import phrase
from app.restorers.families import cfrnet

FAMILY = replace(
    cfrnet.FAMILY,
    name="cfrnet-d",
    title="CFRNet-D",
    k_range=(1, 2),
    default_k=1,
    fixed_point=False,
    presets=(),
    weakness=phrase("Trained for one pass: fed its own output again it drifts."),
)
