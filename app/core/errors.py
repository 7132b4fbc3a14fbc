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
    """A source that cannot be opened; CameraOpenError and others say which kind."""


class CameraOpenError(SourceOpenError):
    """A camera that is absent, in use or not permitted."""


class StreamOpenError(SourceOpenError):
    """A network stream that does not respond or has another format."""


class UnreadableMediaError(SourceOpenError):
    """A file that is damaged, or not the picture or video that its name says."""


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
    """The inference engine rejected a model or failed while running it."""


class OutputError(AppError):
    """A path that cannot be written: read-only, full, or already something else."""


class JournalError(AppError):
    """A job that cannot be started or resumed, such as one that another process is running."""


class ClusterError(AppError):
    """A cluster that does not respond, has no workers, or has another version of the application."""


class WorkerError(AppError):
    """A worker of a job that died or failed unexpectedly; `details` is its traceback for the log."""

    def __init__(self, what: str, hint: str = "", details: str = "") -> None:
        super().__init__(what, hint)
        self.details = details


class OutputUnavailableError(OutputError):
    """An output that needs a part that is not installed; trying again does not help."""


class RecordingError(AppError):
    """A recording that ended early; its `hint` says where the playable part is."""


class DisplayError(AppError):
    """A window requested without a display."""
