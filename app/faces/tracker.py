"""Following faces from frame to frame: cheap on a still scene, exact on a moving one, calm in between."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.core.types import CROP_SIZE, Face, Frame, Image, Points
from app.faces.alignment import (
    FFHQ_TEMPLATE,
    Matrix,
    estimate_similarity,
    invert,
    misfit,
    scale_of,
    transform,
    warp_square,
)
from app.faces.one_euro import OneEuroFilter

HOLD_S = 0.3
"""A lost face stays where it was this long: a blink of the detector must not blink on the screen."""

FADE_S = 0.2
"""Then its restoration fades out over this long."""

SWEEP_INTERVAL_S = 0.8
"""Between full-frame sweeps only small windows round the known faces are searched. A newcomer waits no longer."""

MIN_CROP_SIDE = 24.0
"""Faces whose aligned crop is smaller than this many frame pixels (an eye distance of 6) are left alone: the network
learned from crops that were reduced up to 12 times, 256 / 12 = 21, and below that it would have to invent a person."""

MAX_MISFIT = 34.0
"""Landmarks further than this from the template (root mean square, crop pixels) are no face that it could be aligned
to: a false alarm, or a face whose key points were taken for others'."""

_WINDOW = 160
_WINDOW_SCALE = 0.4  # crop pixels to window pixels: the window spans 400 crop pixels, 1.56 crops
_WINDOW_THRESHOLD = 0.4  # lower than a sweep's: a face that was there needs less proof
_MAX_WINDOWS = 3  # at detector size 320 a sweep costs as much as two or three windows
_LOYALTY = 1.25  # a followed face counts as this much larger, so that two of one size do not take turns
_SAME_FACE = 0.35  # overlap (intersection over union) of two sightings of one face
_CUT_DIFFERENCE = 36.0  # mean change of the thumbnail's pixels in levels: another picture, not another moment


class Detector(Protocol):
    def detect(self, image: Image, size: int, *, threshold: float = ...) -> list[Face]: ...


class _Track:
    """One followed face."""

    def __init__(self, track_id: int, face: Face, time: float) -> None:
        self.track_id = track_id
        self.born = time
        self._filter = OneEuroFilter()
        self.see(face, time)

    def see(self, face: Face, time: float) -> None:
        """Take a sighting, smoothed together with its box, which then cannot drift off the landmarks."""
        points = np.concatenate((face.landmarks, face.box.reshape(2, 2)))
        size = CROP_SIZE / scale_of(estimate_similarity(face.landmarks))
        smooth = self._filter.filter(points, time=time, size=size)
        self.landmarks, self.box = smooth[:5], smooth[5:].reshape(4)
        self.score, self.seen = face.score, time

    def predicted(self, time: float) -> Points:
        """Landmarks where the face would be at `time` if it moved on; a window needs no more."""
        return self.landmarks + self._filter.velocity * np.float32(min(time - self.seen, HOLD_S))

    def opacity(self, time: float) -> float:
        return float(np.clip(1 - (time - self.seen - HOLD_S) / FADE_S, 0, 1))

    def face(self, time: float) -> Face:
        return Face(
            track_id=self.track_id,
            box=self.box,
            landmarks=self.landmarks,
            score=self.score,
            opacity=self.opacity(time),
        )


class FaceTracker:
    """Detects and follows faces. No thread and no clock: time is the frames' own `t_media`.

    That is the capture time for a camera, and for a film the film's time, so a film that is worked through slower or
    faster than it plays is tracked as if it played. Not thread-safe.
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._next_id = 0
        self.reset()

    def reset(self) -> None:
        """Forget every face: the next frame has nothing to do with the last one."""
        self._tracks: list[_Track] = []
        self._time: float | None = None
        self._swept = -np.inf
        self._thumbnail: NDArray[np.int16] | None = None

    def update(self, frame: Frame, *, detect_size: int, max_faces: int) -> tuple[Face, ...]:
        """The faces to restore in `frame`, largest first: all of them, or with `max_faces` the largest ones.

        `detect_size` is the longer side in pixels that a full-frame sweep sees. Raises InferenceError.
        """
        time = frame.t_media
        if self._is_another_scene(frame):
            self.reset()
            self._is_another_scene(frame)
        self._time = time
        unseen = self._follow(frame.image, time) if len(self._tracks) <= _MAX_WINDOWS else list(self._tracks)
        if unseen or not self._tracks or time - self._swept >= SWEEP_INTERVAL_S:
            self._sweep(frame.image, time, unseen, detect_size)
        self._tracks = [track for track in _without_doubles(self._tracks) if track.opacity(time) > 0]
        if max_faces:
            self._tracks = sorted(self._tracks, key=lambda track: -_rank(track, time))[:max_faces]
        return tuple(sorted((track.face(time) for track in self._tracks), key=lambda face: -_area(face.box)))

    def _is_another_scene(self, frame: Frame) -> bool:
        """True after a cut, a jump back in time or a change of size. Remembers a thumbnail of every frame."""
        rows, columns = (max(1, side // 24) for side in frame.image.shape[:2])
        thumbnail = frame.image[rows // 2 :: rows, columns // 2 :: columns].astype(np.int16)
        before, self._thumbnail = self._thumbnail, thumbnail
        if before is None or self._time is None:
            return False
        if frame.t_media <= self._time or before.shape != thumbnail.shape:
            return True
        return float(np.abs(thumbnail - before).mean()) > _CUT_DIFFERENCE

    def _follow(self, image: Image, time: float) -> list[_Track]:
        """Look for every known face in a small window round its place; gives the ones that were not found."""
        unseen = []
        for track in self._tracks:
            found = self._look(image, track.predicted(time))
            if found is None:
                unseen.append(track)
            else:
                track.see(found, time)
        return unseen

    def _look(self, image: Image, landmarks: Points) -> Face | None:
        """The face near `landmarks`, searched in a window that shows it upright and always equally large.

        The detector knows upright faces best and its landmarks depend a little on their size, so a window that turns
        and zooms with the face gives calmer landmarks than the frame does.
        """
        matrix = _window_matrix(estimate_similarity(landmarks))
        try:
            window = warp_square(image, matrix, _WINDOW)
        except ValueError:  # the face has left the frame
            return None
        best: Face | None = None
        nearest = 0.25 * _WINDOW
        for face in self._detector.detect(window, _WINDOW, threshold=_WINDOW_THRESHOLD):
            distance = float(np.linalg.norm(face.landmarks.mean(axis=0) - _WINDOW / 2))
            if distance < nearest:
                best, nearest = face, distance
        if best is None:
            return None
        found = _through(best, invert(matrix))
        return found if _is_plausible(found) else None

    def _sweep(self, image: Image, time: float, unseen: list[_Track], detect_size: int) -> None:
        """Search the whole frame: for the faces that the windows lost, and for newcomers."""
        self._swept = time
        sightings = [face for face in self._detector.detect(image, detect_size) if _is_plausible(face)]
        refine = len(self._tracks) - len(unseen) + len(sightings) <= _MAX_WINDOWS
        for track in unseen:
            overlaps = [_overlap(track.box, face.box) for face in sightings]
            if overlaps and max(overlaps) > _SAME_FACE:
                track.see(sightings.pop(int(np.argmax(overlaps))), time)
        for face in sightings:
            if any(_overlap(track.box, face.box) > _SAME_FACE for track in self._tracks):
                continue
            better = self._look(image, face.landmarks) if refine else None
            self._tracks.append(_Track(self._next_id, better or face, time))
            self._next_id += 1


def _rank(track: _Track, time: float) -> float:
    return _area(track.box) * (_LOYALTY if track.born < time else 1.0)


def _window_matrix(matrix: Matrix) -> Matrix:
    """frame -> window, from frame -> crop: the template's centre comes to the window's."""
    window = matrix * np.float32(_WINDOW_SCALE)
    window[:, 2] += _WINDOW / 2 - FFHQ_TEMPLATE.mean(axis=0) * _WINDOW_SCALE
    return window


def _through(face: Face, matrix: Matrix) -> Face:
    """A face in the pixels of the picture that `matrix` leads to. The box stays upright and keeps its area."""
    scale = scale_of(matrix)
    corners = face.box.reshape(2, 2)
    centre = transform(corners.mean(axis=0, keepdims=True), matrix)[0]
    half = (corners[1] - corners[0]) / 2 * scale
    return Face(
        track_id=face.track_id,
        box=np.concatenate((centre - half, centre + half)).astype(np.float32),
        landmarks=transform(face.landmarks, matrix),
        score=face.score,
    )


def _is_plausible(face: Face) -> bool:
    try:
        matrix = estimate_similarity(face.landmarks)
    except ValueError:
        return False
    return scale_of(matrix) * MIN_CROP_SIDE <= CROP_SIZE and misfit(face.landmarks, matrix) <= MAX_MISFIT


def _area(box: Points) -> float:
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def _overlap(a: Points, b: Points) -> float:
    """Intersection over union of two boxes."""
    shared = _area(np.concatenate((np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:]))))
    union = _area(a) + _area(b) - shared
    return shared / union if union > 0 else 0.0


def _without_doubles(tracks: list[_Track]) -> list[_Track]:
    """Drop a track that has run onto an older one's face."""
    kept: list[_Track] = []
    for track in tracks:
        if all(_overlap(track.box, other.box) <= _SAME_FACE for other in kept):
            kept.append(track)
    return kept
