"""One face restored alone: by a click, by a key, and all of them again."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.core.types import Face, Restored
from app.ui.host import SessionHost
from app.ui.preview.preview import Preview


def next_face(shown: Restored, *, mirrored: bool) -> Face | None:
    """Which face comes after the one that is restored alone; None, all of them, after the last.

    From left to right on the screen, which shows the picture flipped when it is `mirrored`.
    """
    every = sorted(
        (*(entry.face for entry in shown.faces), *shown.left_alone),
        key=lambda face: float(face.box[0]),
        reverse=mirrored,
    )
    if not shown.alone or not shown.faces:
        return every[0] if every else None
    alone = shown.faces[0].face
    after = [place + 1 for place, face in enumerate(every) if face is alone]
    return every[after[0]] if after and after[0] < len(every) else None


class FaceFlow(QObject):
    """Restores the face alone that was clicked on, and all of them after another click on it."""

    def __init__(self, *, host: SessionHost, preview: Preview) -> None:
        super().__init__()
        self._host, self._preview = host, preview
        preview.face_clicked.connect(self.toggle)

    def toggle(self, face: Face) -> None:
        """Restore this face alone, or all of them where it is alone already."""
        shown = self._preview.restored
        is_alone = shown is not None and shown.alone
        restored = {entry.face.track_id for entry in shown.faces} if shown is not None else set()
        self._host.choose_face(None if is_alone and face.track_id in restored else face)

    def step(self) -> None:
        """Restore the next face alone; after the last, all of them."""
        shown = self._preview.restored
        if shown is not None:
            self._host.choose_face(next_face(shown, mirrored=self._preview.mirror))

    def restore_all(self) -> bool:
        """Restore all faces again; False when they are."""
        shown = self._preview.restored
        if shown is None or not shown.alone:
            return False
        self._host.choose_face(None)
        return True
