"""Tracking faces from frame to frame: cheap on a still scene, exact on a moving one, without jitter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.core.types import Face, Frame, Image, Points
from app.faces.alignment import TEMPLATE_SIDE, estimate_similarity, scale_of
from app.faces.boxes import area, overlap
from app.faces.one_euro import OneEuroFilter
from app.faces.window_detection import SAME_FACE, Detector, detect_in_window, inspect_detection, is_plausible

HOLD_S = 0.3
"""Seconds that a lost face stays in place, so that a missed detection does not flicker on screen."""

FADE_S = 0.2
"""Seconds over which its restoration then fades out."""

SWEEP_INTERVAL_S = 0.8
"""Seconds between full-frame sweeps; in between, only windows round known faces are searched."""

_LOYALTY = 1.25  # a tracked face counts as this much larger, so that two of one size do not alternate
_CUT_DIFFERENCE = 36.0  # mean change of the thumbnail's pixels in levels: another scene, not another moment


ConcurrentMap = Callable[[Callable[[Points], Face | None], Iterable[Points]], Iterable[Face | None]]


class _Track:
    """One tracked face."""

    def __init__(self, track_id: int, face: Face, time: float) -> None:
        self.track_id = track_id
        self.born = time
        self._filter = OneEuroFilter()
        self.see(face, time)

    def see(self, face: Face, time: float) -> None:
        """Update with a detection; landmarks and box are smoothed together, so the box cannot drift away."""
        points = np.concatenate((face.landmarks, face.box.reshape(2, 2)))
        size = TEMPLATE_SIDE / scale_of(estimate_similarity(face.landmarks))
        smooth = self._filter.filter(points, time=time, size=size)
        self.landmarks, self.box = smooth[:5], smooth[5:].reshape(4)
        self.score, self.seen = face.score, time

    def predicted(self, time: float) -> Points:
        """Return the landmarks extrapolated to `time`, exact enough to place a window."""
        return self.landmarks + self._filter.velocity * np.float32(min(time - self.seen, HOLD_S))

    def opacity(self, time: float) -> float:
        return float(np.clip(1 - (time - self.seen - HOLD_S) / FADE_S, 0, 1))

    def rank(self, time: float) -> float:
        return area(self.box) * (_LOYALTY if self.born < time else 1.0)

    def face(self, time: float) -> Face:
        return Face(
            track_id=self.track_id,
            box=self.box,
            landmarks=self.landmarks,
            score=self.score,
            opacity=self.opacity(time),
        )


class FaceTracker:
    """Detects and tracks faces. No thread and no clock: time is the frames' own `t_media`.

    That is the capture time for a camera, and for a video the video's time, so a video that is processed slower or
    faster than it plays is tracked as if it played. Not thread-safe.
    """

    def __init__(self, detector: Detector, *, concurrent_map: ConcurrentMap | None = None) -> None:
        """`concurrent_map`, such as that of an executor, searches several known faces at one time."""
        self._detector = detector
        self._map = concurrent_map
        self._next_id = 0
        self.reset()

    def reset(self) -> None:
        """Forget every face: the next frame is unrelated to the last one."""
        self._tracks: list[_Track] = []
        self._time: float | None = None
        self._swept = -np.inf
        self._kind: tuple[int, ...] | None = None
        self._thumbnail: NDArray[np.int16] | None = None

    def update(self, frame: Frame, *, detect_size: int, max_faces: int) -> tuple[Face, ...]:
        """Return the faces to restore in `frame`, largest first: all of them, or with `max_faces` the largest ones.

        `detect_size` is the longer side in pixels of the sweep's input. Raises InferenceError.
        """
        time = frame.t_media
        if self._is_another_scene(frame):
            self._tracks = []
        unseen = self._follow(frame.image, time)
        if unseen or not self._tracks or not 0 <= time - self._swept < SWEEP_INTERVAL_S:
            self._sweep(frame.image, time, unseen, detect_size)
        self._tracks = [track for track in _without_doubles(self._tracks) if track.opacity(time) > 0]
        if max_faces:
            self._tracks = sorted(self._tracks, key=lambda track: -track.rank(time))[:max_faces]
        faces = [track.face(time) for track in self._tracks]
        return tuple(sorted(faces, key=lambda face: -area(face.box)))

    def _is_another_scene(self, frame: Frame) -> bool:
        """True after a cut, a step back in time, and for another still picture or size. Remembers what tells it."""
        rows, columns = (max(1, side // 24) for side in frame.image.shape[:2])
        thumbnail = frame.image[rows // 2 :: rows, columns // 2 :: columns].astype(np.int16)
        time, self._time = self._time, frame.t_media
        kind, self._kind = self._kind, (frame.picture, *frame.image.shape)
        before, self._thumbnail = self._thumbnail, thumbnail
        if before is None or time is None:
            return False
        if kind != self._kind or self._time <= time:
            return True
        return float(np.abs(thumbnail - before).mean()) > _CUT_DIFFERENCE

    def _follow(self, image: Image, time: float) -> list[_Track]:
        """Detect every known face in a window round its place; return the tracks that were not found."""
        each: ConcurrentMap = self._map if self._map is not None and len(self._tracks) > 1 else map
        places = [track.predicted(time) for track in self._tracks]
        unseen = []
        for track, found in zip(
            self._tracks, each(partial(detect_in_window, self._detector, image), places), strict=True
        ):
            if found is None:
                unseen.append(track)
            else:
                track.see(found, time)
        return unseen

    def _sweep(self, image: Image, time: float, unseen: list[_Track], detect_size: int) -> None:
        """Search the whole frame for the faces that the windows lost, and for new ones."""
        self._swept = time
        for face in self._detector.detect(image, detect_size):
            followed = (track for track in self._tracks if track not in unseen)
            if not is_plausible(face) or any(overlap(track.box, face.box) > SAME_FACE for track in followed):
                continue
            closer = inspect_detection(self._detector, image, face)
            if closer is None:
                continue
            lost = max(unseen, key=lambda track: overlap(track.box, closer.box), default=None)
            if lost is not None and overlap(lost.box, closer.box) > SAME_FACE:
                lost.see(closer, time)
                unseen.remove(lost)
            else:
                self._tracks.append(_Track(self._next_id, closer, time))
                self._next_id += 1


def _without_doubles(tracks: list[_Track]) -> list[_Track]:
    """Drop tracks that overlap the face of an older one."""
    kept: list[_Track] = []
    for track in tracks:
        if all(overlap(track.box, other.box) <= SAME_FACE for other in kept):
            kept.append(track)
    return kept
