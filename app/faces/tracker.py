"""Tracking faces from frame to frame: cheap on a still scene, exact on a moving one, without jitter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.core.types import Face, Frame, Image, Points
from app.faces.alignment import TEMPLATE_SIDE, estimate_similarity, scale_of
from app.faces.boxes import Box, area, overlap
from app.faces.one_euro import OneEuroFilter
from app.faces.window_detection import SAME_FACE, Detector, detect_in_window, inspect_detection, is_plausible

HOLD_S = 0.3
"""Seconds that a lost face stays in place, so that a missed detection does not flicker on screen."""

FADE_S = 0.2
"""Seconds over which its restoration then fades out."""

SWEEP_INTERVAL_S = 0.8
"""Seconds between full-frame sweeps; in between, only windows round known faces are searched."""

_LEAP = 1.5  # face sizes from where a lost face is expected, within which it is found again rather than another one
_GROWTH = 1.6  # times that it is then larger or smaller at most
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

    def leap(self, face: Face, time: float) -> float:
        """Return how far `face` is from where this one is expected, in face sizes; infinite if of another size."""
        size, other = math.sqrt(area(self.box)), math.sqrt(area(face.box))
        if not size / _GROWTH < other < size * _GROWTH:
            return math.inf
        x, y = (face.landmarks - self.predicted(time)).mean(axis=0)
        return math.hypot(x, y) / size

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
        self._follow(frame.image, time)
        all_seen = all(track.seen == time for track in self._tracks)
        if not all_seen or not self._tracks or not 0 <= time - self._swept < SWEEP_INTERVAL_S:
            self._sweep(frame.image, time, detect_size)
        shown, hidden = _divided([track for track in self._tracks if track.opacity(time) > 0])
        if max_faces:
            shown = sorted(shown, key=lambda track: -track.rank(time))[:max_faces]
        self._tracks = shown + hidden
        faces = [track.face(time) for track in shown]
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

    def _follow(self, image: Image, time: float) -> None:
        """Detect every known face in a window round its place."""
        each: ConcurrentMap = self._map if self._map is not None and len(self._tracks) > 1 else map
        places = [track.predicted(time) for track in self._tracks]
        found = zip(self._tracks, places, each(partial(detect_in_window, self._detector, image), places), strict=True)
        finds = [
            (-track.seen, float(np.abs(face.landmarks - place).mean()), track, face)
            for track, place, face in found
            if face is not None
        ]
        # A face in front of another is found in both windows. It is the one that is expected nearer to it; one that is
        # hidden already waits until it is seen by itself, or it would be carried off.
        boxes: list[Box] = []
        for _, _, track, face in sorted(finds, key=lambda find: find[:2]):
            box = face.box.tolist()
            if not _is_among(box, boxes):
                track.see(face, time)
                boxes.append(box)

    def _sweep(self, image: Image, time: float, detect_size: int) -> None:
        """Search the whole frame for the faces that the windows lost, and for new ones."""
        self._swept = time
        unseen = [track for track in self._tracks if track.seen < time]
        boxes: list[Box] = [track.box for track in self._tracks if track.seen == time]
        faces = []
        for face in self._detector.detect(image, detect_size):
            if not is_plausible(face) or _is_among(face.box, boxes):
                continue
            closer = inspect_detection(self._detector, image, face)
            if closer is not None and not _is_among(closer.box, boxes):
                faces.append(closer)
                boxes.append(closer.box)
        pairs = [(track.leap(face, time), track, face) for track in unseen for face in faces]
        for leap, track, face in sorted(pairs, key=lambda pair: pair[0]):
            if leap < _LEAP and track.seen < time and face in faces:
                track.see(face, time)
                faces.remove(face)
        for face in faces:
            self._tracks.append(_Track(self._next_id, face, time))
            self._next_id += 1


def _is_among(box: Box, boxes: Iterable[Box]) -> bool:
    """Whether `box` shows the face of one of `boxes`."""
    return any(overlap(box, other) > SAME_FACE for other in boxes)


def _divided(tracks: list[_Track]) -> tuple[list[_Track], list[_Track]]:
    """Divide tracks into those to show and those hidden by a face that was seen later, or comes first among them."""
    shown: list[_Track] = []
    hidden: list[_Track] = []
    boxes: list[Box] = []
    for track in sorted(tracks, key=lambda track: -track.seen):
        box = track.box.tolist()
        if _is_among(box, boxes):
            hidden.append(track)
        else:
            shown.append(track)
            boxes.append(box)
    return shown, hidden
