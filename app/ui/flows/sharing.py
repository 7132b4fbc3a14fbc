"""Sharing: clips, before/after pictures, the clipboard, files restored in the background, the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMessageBox, QWidget

from app.core.errors import AppError
from app.core.settings import Settings
from app.core.words import Phrase, joined, phrase, tr
from app.media.videos.suffixes import FORMATS
from app.ui.dialogs.dialogs import run
from app.ui.dialogs.gallery import GalleryDialog
from app.ui.dialogs.notifications import Notifications
from app.ui.host import SessionHost
from app.ui.outside import open_folder
from app.ui.panel.job_bar import JobBar
from app.ui.preview.pictures import as_qimage
from app.ui.preview.preview import Preview

if TYPE_CHECKING:
    from app.batch.jobs.events import JobEvent, JobReport

_MOST_NOTES = 3


def restored_name(source: Path) -> Path:
    """Return the proposed path of a restored file or folder: beside it, with `-restored` after its name.

    A file keeps its suffix where that can be written; every other one is a video, and Matroska holds all of those.
    """
    from app.media.pictures.picture import PICTURE_SUFFIXES  # OpenCV comes with it, which the window does not wait for

    if source.is_dir():
        return source.with_name(f"{source.name}-restored")
    is_written = source.suffix.lower() in PICTURE_SUFFIXES | FORMATS.keys()
    return source.with_name(f"{source.stem}-restored{source.suffix if is_written else '.mkv'}")


def clip_name(folder: Path, suffix: str, now: datetime) -> Path:
    """Return the name of a clip made at the time `now`."""
    return folder / f"cfrnet-live-{now:%Y-%m-%d-%H%M%S}-clip{suffix}"


class SharingFlow(QObject):
    """Runs the share menu.

    `source` returns the open file or folder, None for a live source; `settings` those to restore it with, whose k the
    restorer can do.
    """

    def __init__(
        self,
        *,
        window: QWidget,
        host: SessionHost,
        preview: Preview,
        bar: JobBar,
        notifications: Notifications,
        folder: Callable[[], Path],
        source: Callable[[], Path | None],
        settings: Callable[[], Settings],
    ) -> None:
        super().__init__()
        self._window, self._host, self._preview, self._bar = window, host, preview, bar
        self._notifications, self._folder, self._source, self._settings = notifications, folder, source, settings
        self._target: Path | None = None
        self._is_folder = False
        self.asks_before_stopping = True
        self._kept = self._items = 0
        self._notes: list[Phrase] = []
        host.clip_made.connect(self._on_clip)
        host.picture_saved.connect(self._on_picture)
        host.job_event.connect(self._on_event)
        host.job_ended.connect(self._on_end)
        bar.cancelled.connect(host.cancel_job)

    def share_clip(self, shape: str, suffix: str) -> None:
        """Make a clip of the last seconds."""
        self._notifications.notice(
            phrase("Making a clip of the last seconds…"), phrase("Before, then after, with a divider.")
        )
        self._host.share_clip(clip_name(self._folder(), suffix, datetime.now()), shape)

    def save_before_after(self) -> None:
        """Save the frame on screen before and after in one picture."""
        if self._preview.restored is None:  # the session may still have one of the source before
            self._notifications.notice(phrase("There is no picture to save yet"))
            return
        self._host.save_before_after(self._folder())

    def copy_before_after(self) -> None:
        """Put the same picture on the clipboard; the words of a message instead, if some are selected."""
        from app.outputs.sharing.snapshot import before_after

        focused = QApplication.focusWidget()
        if isinstance(focused, QLabel) and focused.hasSelectedText():
            QApplication.clipboard().setText(focused.selectedText())
            return
        restored = self._preview.restored
        if restored is None:
            self._notifications.notice(phrase("There is no picture to copy yet"))
            return
        QApplication.clipboard().setImage(as_qimage(before_after(restored)).copy())
        self._notifications.notice(phrase("Before and after copied"), phrase("Paste the picture where you like."))

    def save_restored(self) -> None:
        """Ask where to save what is open, and restore all of it in the background."""
        source = self._source()
        if source is None:
            self._notifications.notice(
                phrase("There is no file to save"),
                phrase("Open a video, a picture or a folder; a camera is recorded with R."),
            )
            return
        if self._target is not None:
            self._notifications.notice(
                phrase("Files are being restored already"), phrase("Wait for them, or cancel below.")
            )
            return
        offered = restored_name(source)
        target = self._ask_for_folder(offered) if source.is_dir() else self._ask_for_file(offered)
        if target is not None:
            self.start_saving(source, target)

    def _ask_for_folder(self, offered: Path) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(self._window, tr("Folder for the restored pictures"), str(offered))
        return Path(chosen) if chosen else None

    def _ask_for_file(self, offered: Path) -> Path | None:
        """Ask for the target of a file; a name that is typed without a suffix gets the one of `offered`."""
        chosen, _ = QFileDialog.getSaveFileName(self._window, tr("Save restored"), str(offered))
        if not chosen or Path(chosen).suffix:
            return Path(chosen) if chosen else None
        whole = Path(f"{chosen}{offered.suffix}")
        # The dialog knew nothing of this name, so it did not ask whether the file may be replaced.
        return self._ask_for_file(whole) if whole.exists() else whole

    def start_saving(self, source: Path, target: Path) -> None:
        """Restore `source` to `target` in the background, with k, strength and size as they are set."""
        from app.batch.jobs.job import Job, RestoreOptions

        settings = replace(self._settings(), degrade=False, auto_k=False)
        options = RestoreOptions(settings=settings, k_is_given=True, scale=int(settings.output_scale))
        # The dialog has asked already whether a file may be replaced.
        job = Job(input=str(source), output=str(target), options=options, overwrite=not source.is_dir())
        self._target, self._is_folder = target, source.is_dir()
        self._bar.begin(phrase("Restoring {name}", name=source.name))
        self._host.start_job(job)

    def may_stop(self) -> bool:
        """Ask whether to stop restoring files, if any are being restored."""
        if self._target is None or not self.asks_before_stopping:
            return True
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(tr("Close"))
        box.setText(tr("{name} is not finished yet.", name=self._target.name))
        if self._is_folder:  # of a single file nothing may be finished
            box.setInformativeText(tr("Saving to the same place later goes on with what is finished."))
        stop = box.addButton(tr("Stop and close"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(tr("Go on"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        run(box)
        return box.clickedButton() is stop

    def show_gallery(self) -> None:
        """Show what was recorded."""
        run(GalleryDialog(self._window, self._folder(), reveal=open_folder))

    def _on_clip(self, path: Path) -> None:
        self._told(phrase("Clip saved"), (path,))

    def _on_picture(self, paths: Sequence[Path]) -> None:
        self._told(phrase("Before and after saved"), paths)

    def _on_event(self, event: JobEvent) -> None:
        from app.batch.jobs.events import ItemDone, JobProgress, JobStarted

        if isinstance(event, JobStarted):
            self._kept, self._items, self._notes = len(event.kept), event.items, list(event.notes)
        elif isinstance(event, JobProgress):
            self._bar.show_progress(event.fraction, event.time_left_s)
        elif isinstance(event, ItemDone):
            # Those of a file that an earlier run has finished too: where that was cancelled, it told of none.
            self._notes += [joined((event.item.name, words), ": ") for words in event.result.notes]

    def _on_end(self, ending: JobReport | AppError) -> None:
        target, self._target = self._target, None
        self._bar.hide()
        if isinstance(ending, AppError):
            self._notifications.error(ending.what_phrase, ending.hint_phrase)
        elif ending.cancelled:
            self._notifications.notice(phrase("Restoring was cancelled"), phrase("What was finished is kept."))
        elif ending.failed:
            self._tell_failed(ending, target)
        elif target is not None:
            self._tell_restored(target)

    def _tell_restored(self, target: Path) -> None:
        """Report where the results are, or how many files were there before and are as they were."""
        if not self._kept:
            self._told(phrase("Restored and saved"), (target,), self._notes)
            return
        self._notifications.notice(
            phrase("Already there and kept: {kept} of {all} files", kept=self._kept, all=self._items),
            _with_notes(phrase("Choose an empty folder to restore them again."), self._notes),
            ((phrase("Open folder"), lambda: open_folder(target)),),
        )

    def _tell_failed(self, report: JobReport, target: Path | None) -> None:
        """Report the first error, and how many files were restored in spite of it."""
        from app.batch.jobs.events import ItemFailed

        error = next(result.error for result in report.results if isinstance(result, ItemFailed))
        count = len(report.results)
        if report.failed == count or target is None:
            self._notifications.error(error.what_phrase, error.hint_phrase)
            return
        self._notifications.error(
            phrase("{done} of {all} files restored", done=count - report.failed, all=count),
            joined([words for words in (error.what_phrase, error.hint_phrase) if words], " "),
            ((phrase("Open folder"), lambda: open_folder(target)),),
        )

    def _told(self, title: Phrase, paths: Sequence[Path], notes: Sequence[Phrase] = ()) -> None:
        folder = paths[0].parent
        names = ", ".join(path.name for path in paths)
        self._notifications.notice(
            title,
            _with_notes(phrase("{names}, in {folder}", names=names, folder=folder), notes),
            ((phrase("Open folder"), lambda: open_folder(folder)),),
        )


def _with_notes(words: Phrase, notes: Sequence[Phrase]) -> Phrase:
    """`words` with the first notes on lines below; a folder may have hundreds."""
    more = ("…",) if len(notes) > _MOST_NOTES else ()
    return joined((words, *notes[:_MOST_NOTES], *more), "\n")
