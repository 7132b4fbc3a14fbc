"""Training recipes: a network and the stages it goes through. Each ablation of the paper is a preset too."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.ccfp import LossWeights


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a run. `share` is its part of the minutes; `rate` scales the learning rate, linearly in time."""

    name: str
    share: float
    losses: LossWeights
    crop: int = 128
    batch: int = 16
    rate: float = 1.0
    rate_end: float = 0.1
    # The perceptual terms see one window of this size on this many faces of a batch.
    perceptual_window: int = 96
    perceptual_faces: int = 8
    # L_fp rises to its weight over this part of the stage: large from the start it makes G the identity.
    fixed_point_ramp: float = 0.0
    # The critics' terms rise likewise, while the critics learn.
    adversarial_ramp: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    network: str
    stages: tuple[Stage, ...]
    lr: float = 0.01
    seed: int = 1
    ema: float = 0.998
    warmup_steps: int = 50
    evaluate_seconds: float = 300.0
    # L_cyc and the anchor cost a pass each; taken every n-th step with n times the weight they cost a quarter.
    rare_every: int = 4


_OFF = LossWeights(progressive=(1.0,), perceptual=(0.3,), fixed_point=0.0, cycle=0.0, anchor=0.0)
_CCFP = LossWeights()
_FACE = replace(_CCFP, adversarial=0.05, component=0.03, style=50.0, identity=0.1)

_SINGLE_PASS = Stage(name="single-pass", share=1.0, losses=_OFF)
_FIXED_POINT = Stage(name="ccfp-crops", share=0.2, losses=_CCFP, rate_end=0.5, fixed_point_ramp=0.5)
_WHOLE_FACES = Stage(
    name="ccfp-faces",
    share=0.8,
    losses=_FACE,
    crop=256,
    batch=6,
    rate=0.5,
    rate_end=0.02,
    adversarial_ramp=0.2,
)

PRESETS = {
    "cfrnet-d": Preset(network="cfrnet-d", stages=(_SINGLE_PASS,)),
    "cfrnet-rt": Preset(network="cfrnet-rt", stages=(_FIXED_POINT, _WHOLE_FACES)),
    "cfrnet": Preset(network="cfrnet", stages=(_FIXED_POINT, _WHOLE_FACES)),
}
