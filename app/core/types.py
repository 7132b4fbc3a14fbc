"""The values that travel from the camera to the screen. All of them are immutable.

Images are uint8 (H, W, 3) BGR and are never written to after they were put into one of these. Times are seconds of
`time.perf_counter()`, durations end in `_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """One picture of a source.

    `index` counts from 0 and grows with every picture the source delivered. `t_capture` is when it became available
    (`time.perf_counter()`), the frame's age is measured from it. `t_media` is its place on the source's own timeline
    in seconds: a video file's exact time stamp, or for a live source the capture time since the first frame. Both
    grow strictly. `mirrored` says that a camera's picture was flipped left to right, as a mirror shows it.
    """

    image: Image
    index: int
    t_capture: float
    t_media: float
    mirrored: bool = False
    true_image: Image | None = None
    """What the source really delivered, where `image` was made bad on purpose."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Face:
    """A tracked face: box float32 (4,) as x1, y1, x2, y2 and landmarks float32 (5, 2) in pixels of the frame.

    Landmarks are left eye, right eye, nose, left and right mouth corner as the viewer sees them. `opacity` in [0, 1]
    is under 1 while a lost face fades out.
    """

    track_id: int
    box: Points
    landmarks: Points
    score: float
    opacity: float = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class RestoredFace:
    """A face after its cycles: `steps[i]` is mean |x_{i+1} - x_i| of cycle i on the [-1, 1] scale.

    `already_sharp` faces are hardly changed, because there is next to nothing to restore.
    """

    face: Face
    cycles: int
    steps: tuple[float, ...]
    already_sharp: bool = False


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Milliseconds of each stage of one frame. `cycles_ms` has one entry a cycle, summed over the frame's faces."""

    capture_ms: float = 0.0
    detect_ms: float = 0.0
    align_ms: float = 0.0
    cycles_ms: tuple[float, ...] = ()
    paste_ms: float = 0.0
    paint_ms: float = 0.0
    age_ms: float = 0.0

    @property
    def restore_ms(self) -> float:
        return sum(self.cycles_ms)

    @property
    def overhead_ms(self) -> float:
        """Everything but the cycles, without waiting for the source and without painting."""
        return self.detect_ms + self.align_ms + self.paste_ms


@dataclass(frozen=True, eq=False, kw_only=True)
class Restored:
    """A frame and what became of it. `image` has the frame's shape; outside the faces it is bit-identical to it.

    Where results are larger than what was given, `frame.image` and the faces are enlarged too.

    `k` is the number of cycles that was allowed (after auto-k), `faces` tells how many each face took.
    """

    frame: Frame
    image: Image
    k: int
    faces: tuple[RestoredFace, ...] = ()
    timings: Timings = field(default_factory=Timings)
