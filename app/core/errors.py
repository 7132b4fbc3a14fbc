"""Named errors. Each says what happened and what the person can do about it; the window and the CLI show both."""

from __future__ import annotations


class AppError(Exception):
    """Base of every error that a person is meant to read.

    `what` is one sentence without a trailing newline, `hint` says what to do and may be empty.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


class SettingError(AppError):
    """A setting outside its range or of the wrong type."""


class SourceOpenError(AppError):
    """A source that cannot be opened. CameraOpenError and friends say which kind."""


class CameraOpenError(SourceOpenError):
    """A camera that is absent, in use or forbidden."""


class StreamOpenError(SourceOpenError):
    """A network stream that does not answer or is none."""


class UnreadableMediaError(SourceOpenError):
    """A file that is not the picture or video that its name promises, or is damaged."""


class EmptyFolderError(SourceOpenError):
    """A folder without a single readable picture."""


class SourceOfflineError(AppError):
    """A live source that stopped delivering after it was open. It may come back."""


class ModelMissingError(AppError):
    """A model that the manifest names and the disk lacks."""


class ModelIntegrityError(AppError):
    """A model file whose SHA-256 is not the manifest's."""


class ManifestError(AppError):
    """A manifest that cannot be read or lacks a field."""


class InferenceError(AppError):
    """The inference engine refused a model or failed while running it."""


class OutputError(AppError):
    """A place that cannot be written: read-only, full, or it exists already as something else."""


class JournalError(AppError):
    """A job that cannot be begun or gone on with, such as one that another process is doing."""


class ClusterError(AppError):
    """A cluster that does not answer, has no workers, or has another version of the application."""


class WorkerError(AppError):
    """A worker of a job that died, or that failed in a way nobody foresaw; `details` is its traceback for the log."""

    def __init__(self, what: str, hint: str = "", details: str = "") -> None:
        super().__init__(what, hint)
        self.details = details


class OutputUnavailableError(OutputError):
    """An output that this installation lacks a part for; trying again does not help."""


class RecordingError(AppError):
    """A recording that had to end early; its `hint` says where the playable part is."""


class DisplayError(AppError):
    """A window that was asked for where there is nothing to show it on."""
