"""HiFaceGAN: suppression and replenishment nested over scales, in a single pass (arXiv 2005.05005)."""

from __future__ import annotations

from app.core.words import phrase
from app.restorers.cycles import CropToCropRestorer
from app.restorers.family import Family, ImageTensor

FAMILY = Family(
    name="hifacegan",
    title="HiFaceGAN",
    paper="arXiv 2005.05005",
    takes=ImageTensor(side=256),
    gives=ImageTensor(side=256),
    k_range=(1, 4),
    fixed_point=False,
    create=CropToCropRestorer,
    weakness=phrase("Trained for one pass: fed its own output again it drifts."),
)
