"""CFRNet: a small generator that is a fixed-point operator, applied to its own output (arXiv 2606.06850, G^k(x))."""

from __future__ import annotations

from app.core.words import phrase
from app.restorers.cycles import CropToCropRestorer
from app.restorers.family import Family, ImageTensor, Preset

FAMILY = Family(
    name="cfrnet",
    title="CFRNet",
    paper="arXiv 2606.06850",
    takes=ImageTensor(side=256),
    gives=ImageTensor(side=256),
    k_range=(1, 4),
    default_k=3,
    fixed_point=True,
    presets=(
        Preset(k=1, name="fast", meaning=phrase("1 cycle: lowest latency")),
        Preset(k=2, name="faithful", meaning=phrase("2 cycles: nearest to the true face")),
        Preset(k=3, name="perceptual", meaning=phrase("3 cycles: best looking")),
    ),
    create=CropToCropRestorer,
)
