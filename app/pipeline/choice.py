"""One face that is restored alone, followed from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.types import Face
from app.faces.boxes import overlap
from app.faces.window_detection import SAME_FACE


class FaceChoice:
    """The face that a person chose. A track that ends is taken up again by a face that appears where it was last.

    A face that was seen beside the chosen one is another, even if it comes to that place.
    """

    def __init__(self, face: Face) -> None:
        self._track_id = face.track_id
        self._box = face.box
        self._others: set[int] = set()

    def among(self, faces: Sequence[Face]) -> Face | None:
        """The chosen one of `faces`, None while it is out of sight."""
        found = next((face for face in faces if face.track_id == self._track_id), None)
        if found is None:
            unknown = (face for face in faces if face.track_id not in self._others)
            nearest = max(unknown, key=lambda face: overlap(self._box, face.box), default=None)
            if nearest is not None and overlap(self._box, nearest.box) > SAME_FACE:
                found = nearest
        if found is not None:
            self._track_id, self._box = found.track_id, found.box
            self._others.update(face.track_id for face in faces if face is not found)
        return found
