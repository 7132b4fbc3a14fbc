"""The values that travel from the camera to the screen. All of them are immutable.

Images are uint8 (H, W, 3) BGR and are not written to once they are part of one of these. Times are seconds of
`time.perf_counter()`, durations end in `_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels of a picture; x2, y2 excluded."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """One picture of a source.

    `index` counts from 0 and grows with every picture the source delivered. `t_capture` is when it became available
    (`time.perf_counter()`), the frame's age is measured from it. `t_media` is its place on the source's own timeline
    in seconds: a video file's exact time stamp, or for a live source the capture time since the first frame. It grows
    strictly until the source goes to another place; `place_s` is the place in a file, from 0 on in every round of a
    loop. A paused frame that is restored again keeps them, and is captured anew. `picture` is the
    number of a still picture that has nothing to do with those before it, as in a folder, and 0 in everything that
    moves. `mirrored` says that a camera's picture was flipped left to right, as a mirror shows it. `pixel_shape` is how
    wide its pixels are for their height, in videos that are not to be shown pixel by pixel.
    """

    image: Image
    index: int
    t_capture: float
    t_media: float
    place_s: float = 0.0
    picture: int = 0
    mirrored: bool = False
    pixel_shape: float = 1.0
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

    `already_sharp` faces are hardly changed, because they need almost no restoring.
    """

    face: Face
    cycles: int
    steps: tuple[float, ...]
    already_sharp: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceChange:
    """What was added to a face: `levels` float32 (S, S, 3) BGR on the aligned crop, nothing at its border.

    `matrix` float32 (2, 3) leads from the frame to the crop. With it the face can be pasted at any other size.
    """

    levels: NDArray[np.float32]
    matrix: NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Patch:
    """The surroundings of a restored face at the size in which the whole picture is shown, `of` (width, height).

    `image` uint8 (h, w, 3) BGR begins at (`left`, `top`) in pixels of that size.
    """

    image: Image
    left: int
    top: int
    of: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared:
    """What the network `other` made of the same faces, beside the network `restorer`; pictures as in `Restored`."""

    restorer: str
    other: str
    image: Image
    patches: tuple[Patch, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Milliseconds of each stage of one frame. `cycles_ms` has one entry a cycle, summed over the frame's faces.

    `degrade_ms` went into making the frame bad, `other_ms` into a second network that the first is compared with.
    """

    capture_ms: float = 0.0
    degrade_ms: float = 0.0
    detect_ms: float = 0.0
    align_ms: float = 0.0
    cycles_ms: tuple[float, ...] = ()
    paste_ms: float = 0.0
    other_ms: float = 0.0
    age_ms: float = 0.0

    @property
    def restore_ms(self) -> float:
        return sum(self.cycles_ms)

    @property
    def overhead_ms(self) -> float:
        """Everything but the cycles, without waiting for the source and without painting."""
        return self.degrade_ms + self.detect_ms + self.align_ms + self.paste_ms


@dataclass(frozen=True, eq=False, kw_only=True)
class Restored:
    """A frame and what became of it. `image` has the frame's shape; outside the faces it is bit-identical to it.

    Where results are larger than what was given, `frame.image` and the faces are enlarged too.

    `k` is the number of cycles that was allowed (after auto-k), `faces` tells how many each face took. `changes` are
    what was added to the frame, in that order. `alone` says that one face was chosen to be restored alone; `left_alone`
    are then the others. `patches` show the faces at a larger size, `compared` what another network made of them.
    """

    frame: Frame
    image: Image
    k: int
    faces: tuple[RestoredFace, ...] = ()
    changes: tuple[FaceChange, ...] = ()
    alone: bool = False
    left_alone: tuple[Face, ...] = ()
    patches: tuple[Patch, ...] = ()
    compared: Compared | None = None
    timings: Timings = field(default_factory=Timings)
