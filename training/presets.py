"""Training recipes: a network and its training stages. Each ablation of the paper is a preset too."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.losses.ccfp import LossWeights
from training.losses.distillation import DistillationWeights
from training.losses.progressive import ProgressiveWeights
from training.losses.renovation import RenovationWeights


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a run. `share` is its part of the minutes; `rate` scales the learning rate, linearly in time."""

    name: str
    share: float
    losses: LossWeights | DistillationWeights | RenovationWeights | ProgressiveWeights
    crop: int = 128
    batch: int = 16
    rate: float = 1.0
    rate_end: float = 0.1
    # The perceptual terms see one window of this size on this many faces of a batch.
    perceptual_window: int = 96
    perceptual_faces: int = 6
    # L_fp rises to its weight over this part of the stage: large from the start it makes G the identity.
    fixed_point_ramp: float = 0.0
    # The critics' terms rise likewise, while the critics learn.
    adversarial_ramp: float = 0.0
    # PFSRNet's doubling of the stage, and the part of the stage over which it is faded in.
    step: int = 3
    fade_in: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe. `method` names one of `training.methods`, `degradation` one of `training.degradation.kinds`."""

    network: str
    stages: tuple[Stage, ...]
    method: str = "ccfp"
    # The shipped network that distillation learns from, and whose critics CCFP begins with.
    teacher: str = ""
    degradation: str = "training"
    lr: float = 0.01
    critic_lr: float = 6e-4
    seed: int = 1
    ema: float = 0.998
    warmup_steps: int = 50
    evaluate_seconds: float = 400.0
    validation_cycles: int = 4
    # Degradations beside the paper's D on which the validation split is measured.
    validate_also: tuple[str, ...] = ()
    # The terms `rare` of CCFP and PFSRNet's gradient penalty cost a pass each or more, so they are computed every n-th
    # step with n times the weight.
    rare_every: int = 4
    rare: tuple[str, ...] = ("cycle", "anchor", "identity")


_OFF = LossWeights(progressive=(1.0,), perceptual=(0.3,), fixed_point=0.0, cycle=0.0, anchor=0.0)
# Pixels pull hardest on x_2 and features on x_3: that is what puts the best PSNR at k = 2 and the best LPIPS at k = 3.
_CCFP = LossWeights(
    progressive=(0.05, 0.5, 0.0), fidelity=(0.0, 0.3, 0.0), perceptual=(0.0, 0.0, 2.2), coarse=(0.0, 0.0, 5.0),
    texture=0.5, fixed_point=5.0, cycle=0.25, anchor=0.05,
)  # fmt: skip
_FACE = replace(_CCFP, adversarial=0.005, component=0.05, style=50.0, identity=0.05)
_WITHOUT_PARTS = replace(_FACE, component=0.0, style=0.0)

_SINGLE_PASS = Stage(name="single-pass", share=1.0, losses=_OFF)
_FIRST_PASS = Stage(name="single-pass", share=0.12, losses=_OFF)
_FIXED_POINT = Stage(
    name="ccfp-faces", share=0.88, losses=_FACE, crop=256, batch=6, rate=0.6, rate_end=0.02,
    perceptual_window=112, fixed_point_ramp=0.1, adversarial_ramp=0.3,
)  # fmt: skip

# After some 440 steps from its own first cycle, which is poor for long, a student was hardly nearer to its teacher than
# the degraded face was (0.110 to 0.122 at k = 3): at first, every cycle begins where the teacher's does. And after
# crops alone the parts of a strongly blurred face were sharp and in wrong places: the rest sees whole faces.
_FORCED = Stage(
    name="teacher-forcing", share=0.35, losses=DistillationWeights(forced=True), batch=12, rate=0.8, rate_end=0.5,
    perceptual_faces=1,
)  # fmt: skip
_FORCED_FACES = replace(
    _FORCED, name="teacher-forcing-faces", share=0.4, crop=256, batch=3, rate=0.5, rate_end=0.25, perceptual_window=112
)
# Last, features of the third cycle count as much as in CCFP: pixels alone leave it soft.
_IMITATION = Stage(
    name="distillation", share=0.25, losses=DistillationWeights(cycles=(0.3, 0.5, 0.5), perceptual=2.0, coarse=5.0),
    crop=256, batch=1, rate=0.25, rate_end=0.02, perceptual_window=160, perceptual_faces=1,
)  # fmt: skip

_RENOVATION = Stage(
    name="renovation", share=1.0, losses=RenovationWeights(), crop=256, batch=2, rate_end=0.02,
    perceptual_window=112, perceptual_faces=2, adversarial_ramp=0.3,
)  # fmt: skip

# The first two doublings cost a fraction of the last.
_DOUBLINGS = tuple(
    Stage(
        name=f"step-{step}", share=share, losses=ProgressiveWeights(), crop=256, batch=4, perceptual_faces=4,
        rate_end=rate_end, step=step, fade_in=0.3,
    )
    for step, share, rate_end in ((1, 0.1, 1.0), (2, 0.2, 1.0), (3, 0.7, 0.05))
)  # fmt: skip


def _faces(losses: LossWeights) -> tuple[Stage, ...]:
    return _FIRST_PASS, replace(_FIXED_POINT, losses=losses)


# At three times this rate LPIPS at k = 3 rose from 0.223 to 0.234 in the first hundred steps, which a run of an hour or
# two does not make good. The critics of facial parts cost a quarter of the steps, and LPIPS (docs/ablations.md): a
# network that has learned from them goes on without.
_CONTINUED = replace(
    _FIXED_POINT, share=1.0, rate=0.2, rate_end=0.01, fixed_point_ramp=0.0, adversarial_ramp=0.0,
    losses=replace(_WITHOUT_PARTS, anchor=0.1),
)  # fmt: skip

# Table IV of the paper adds one term after the other to a generator trained for a single pass and re-fed. The first row
# has the terms of the second with the same weights, and all of them look at x_1: what differs is the unrolling.
_ALL_BUT_FIXED_POINT = replace(_FACE, fixed_point=0.0, cycle=0.0)
_ONE_PASS = replace(_ALL_BUT_FIXED_POINT, progressive=(0.55,), fidelity=(0.3,), perceptual=(2.2,), coarse=(5.0,))
# Small batches: in twenty minutes steps are scarcer than faces.
_ABLATION = replace(_FIXED_POINT, share=1.0, batch=2, perceptual_faces=2)

PRESETS = {
    "cfrnet-rt": Preset(network="cfrnet-rt", stages=_faces(_FACE)),
    # Continues from weights of that recipe (`--init`) for an hour or two.
    "cfrnet-rt-continue": Preset(
        network="cfrnet-rt", stages=(_CONTINUED,), evaluate_seconds=1200.0, validate_also=("call",)
    ),
    # The same over six hours, which make good what a higher rate costs at first. The anchor gives up a decibel of the
    # faces that need no restoration, at 40 dB, for the others. L_fp's gradient is a fiftieth of the whole by then.
    "cfrnet-rt-long": Preset(
        network="cfrnet-rt",
        stages=(replace(_CONTINUED, rate=0.4, losses=_WITHOUT_PARTS),),
        evaluate_seconds=1800.0,
        validate_also=("call",),
        rare=("fixed_point", "cycle", "anchor", "identity"),
    ),
    "cfrnet": Preset(network="cfrnet", stages=_faces(_FACE)),
    # Without an accelerator that recipe takes days for four times the multiplications of `cfrnet-rt`.
    "cfrnet-taught": Preset(
        network="cfrnet",
        stages=(_FORCED, _FORCED_FACES, _IMITATION),
        method="distillation",
        teacher="cfrnet-rt",
        # The paper's network learns the paper's D: of the usual mixture it is a fifth, too little for a few hours.
        degradation="paper-mixture",
        evaluate_seconds=3600.0,
    ),
    # Continues from those weights (`--init`).
    "cfrnet-continue": Preset(
        network="cfrnet",
        stages=(replace(_CONTINUED, batch=2, perceptual_faces=2),),
        teacher="cfrnet-rt",
        evaluate_seconds=1800.0,
    ),
    "cfrnet-d": Preset(network="cfrnet-d", stages=(_SINGLE_PASS,), evaluate_seconds=1200.0, validation_cycles=2),
    "hifacegan-lite": Preset(
        network="hifacegan-lite",
        stages=(_RENOVATION,),
        method="renovation",
        degradation="renovation-mixture",
        critic_lr=2e-4,
        evaluate_seconds=600.0,
        validation_cycles=1,
    ),
    "pfsrnet": Preset(
        network="pfsrnet",
        stages=_DOUBLINGS,
        method="progressive",
        degradation="none",
        lr=4e-3,
        critic_lr=1e-3,
        evaluate_seconds=900.0,
        validation_cycles=1,
        rare_every=8,
    ),
    # Tables IV and VI, see `training.ablations`: they begin with the state of `cfrnet-d`.
    **{
        f"ablation-{name}": Preset(
            network="cfrnet-rt", stages=(replace(_ABLATION, losses=losses),), evaluate_seconds=3600.0
        )
        for name, losses in {
            "single-pass": _ONE_PASS,
            "progressive": _ALL_BUT_FIXED_POINT,
            "fixed-point": replace(_FACE, cycle=0.0),
            "everything": _FACE,
            "no-components": _WITHOUT_PARTS,
            "no-nose": replace(_FACE, components=("left_eye", "right_eye", "mouth")),
        }.items()
    },
}
