"""The gallery of recordings, clips and snapshots, with play, reveal and delete to the trash."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

from PySide6.QtCore import QDateTime, QFile, QLocale, QSize, Qt, QTimer
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.core.types import Image
from app.core.words import phrase, tr
from app.ui.outside import play
from app.ui.preview.pictures import as_qimage
from app.ui.style.buttons import LabelledButton
from app.ui.style.formatting import file_size
from app.ui.style.translated import keep_said
from app.ui.style.widgets import label

_THUMBNAIL = (192, 108)
_CELL = QSize(_THUMBNAIL[0] + 18, _THUMBNAIL[1] + 54)
_PATH = Qt.ItemDataRole.UserRole
_POLL_MS = 20


class GalleryDialog(QDialog):
    """Shows `folder`; a thread of its own reads the thumbnails, so that the window never waits for them."""

    def __init__(
        self, parent: QWidget, folder: Path, *, reveal: Callable[[Path], None], play: Callable[[Path], None] = play
    ) -> None:
        """`reveal` shows a folder in the file manager, `play` opens a file."""
        super().__init__(parent)
        self._folder, self._reveal, self._play = folder, reveal, play
        keep_said(self, lambda: self.setWindowTitle(tr("Gallery")))
        self.resize(720, 480)
        self.list = QListWidget()
        self.list.setViewMode(QListWidget.ViewMode.IconMode)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setMovement(QListWidget.Movement.Static)
        self.list.setIconSize(QSize(*_THUMBNAIL))
        self.list.setGridSize(_CELL)
        keep_said(self.list, lambda: self.list.setAccessibleName(tr("Recordings and pictures")))
        self.list.itemActivated.connect(lambda _: self.play())
        self.list.currentItemChanged.connect(lambda *_: self._show_buttons())
        self._empty = label(phrase("Nothing was recorded yet."), "muted")
        self._problem = label("", "alarm")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._buttons = [
            LabelledButton(phrase("Play"), "play"),
            LabelledButton(phrase("Show in folder"), "folder"),
            LabelledButton(phrase("Move to trash"), "trash"),
        ]
        for button, action in zip(self._buttons, (self.play, self.reveal, self.trash), strict=True):
            button.clicked.connect(action)
        close = LabelledButton(phrase("Close"), kind="primary")
        close.clicked.connect(self.accept)
        for button in (*self._buttons, close):
            button.setAutoDefault(False)  # Enter plays the chosen one, and presses no button besides
        line = QHBoxLayout()
        for button in self._buttons:
            line.addWidget(button)
        line.addStretch(1)
        line.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(label(phrase("Gallery"), "title"))
        column.addWidget(self._empty)
        column.addWidget(self.list, 1)
        column.addWidget(self._problem)
        column.addLayout(line)
        self._reader = futures.ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._waiting: deque[tuple[QListWidgetItem, futures.Future[Image | None]]] = deque()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_thumbnails)
        self._load()

    def _load(self) -> None:
        """Fill the list from the folder and have the thumbnails read."""
        from app.outputs.sharing.gallery import recorded_files

        for entry in recorded_files(self._folder):
            when = QLocale().toString(
                QDateTime.fromSecsSinceEpoch(int(entry.changed_at)), QLocale.FormatType.ShortFormat
            )
            item = QListWidgetItem(f"{when}\n{file_size(entry.bytes)}")
            item.setToolTip(entry.path.name)
            item.setData(_PATH, str(entry.path))
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setSizeHint(_CELL)  # before its thumbnail is there too
            self.list.addItem(item)
            self._read(item, entry.path)
        self._empty.setVisible(self.list.count() == 0)
        self.list.setCurrentRow(0)
        self._show_buttons()

    def _read(self, item: QListWidgetItem, path: Path) -> None:
        """Have the thumbnail of `item` read, unless it is shown."""
        from app.outputs.sharing.gallery import thumbnail

        if item.icon().isNull():
            self._waiting.append((item, self._reader.submit(thumbnail, path, _THUMBNAIL)))
            self._timer.start(_POLL_MS)

    def done(self, result: int) -> None:
        """Read no further thumbnails once the dialog is closed."""
        self._timer.stop()
        self._reader.shutdown(wait=False, cancel_futures=True)
        super().done(result)

    def play(self) -> None:
        if (path := self._chosen()) is not None and path.exists():
            self._play(path)
        elif path is not None:
            self.trash()  # it is gone already

    def reveal(self) -> None:
        if (path := self._chosen()) is not None:
            self._reveal(path.parent)

    def trash(self) -> None:
        """Move the chosen file to the system's trash; one that cannot be moved stays and is named."""
        path, row = self._chosen(), self.list.currentRow()
        if path is None:
            return
        self._leave_alone(self.list.item(row))
        moved = not path.exists() or _move_to_trash(path)
        self._problem.setVisible(not moved)
        if not moved:
            self._read(self.list.item(row), path)
            self._problem.say(
                phrase(
                    "{name} could not be moved to the trash, perhaps because its disk has none. Press Show in "
                    "folder and delete it there.",
                    name=path.name,
                )
            )
        else:
            self.list.takeItem(row)
            self._empty.setVisible(self.list.count() == 0)
            self._show_buttons()

    def _chosen(self) -> Path | None:
        item = self.list.currentItem()
        return Path(str(item.data(_PATH))) if item is not None else None

    def _show_buttons(self) -> None:
        for button in self._buttons:
            button.setEnabled(self._chosen() is not None)

    def _leave_alone(self, item: QListWidgetItem) -> None:
        """Have no thumbnail of `item` read any more: some systems do not move a file that is open."""
        for entry in [entry for entry in self._waiting if entry[0] is item]:
            self._waiting.remove(entry)
            if not entry[1].cancel():
                futures.wait([entry[1]])

    def _show_thumbnails(self) -> None:
        while self._waiting and self._waiting[0][1].done():
            item, read = self._waiting.popleft()
            if (image := read.result()) is not None:
                item.setIcon(_framed(QPixmap.fromImage(as_qimage(image))))
        if not self._waiting:
            self._timer.stop()


def _framed(picture: QPixmap) -> QIcon:
    """`picture` in the middle of an icon of the size that all have, in its own colours when it is chosen too."""
    whole = QPixmap(*_THUMBNAIL)
    whole.fill(Qt.GlobalColor.transparent)
    painter = QPainter(whole)
    painter.drawPixmap((whole.width() - picture.width()) // 2, (whole.height() - picture.height()) // 2, picture)
    painter.end()
    icon = QIcon(whole)
    icon.addPixmap(whole, QIcon.Mode.Selected)
    return icon


def _move_to_trash(path: Path) -> bool:
    moved = QFile.moveToTrash(str(path))
    return bool(moved[0] if isinstance(moved, tuple) else moved)
