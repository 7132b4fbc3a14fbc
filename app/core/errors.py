"""Named errors. Each says what happened and what the person can do about it; the window and the CLI show both."""

from __future__ import annotations

import copy
from typing import Self

from app.core.words import Phrase, Words, joined, with_values


class AppError(Exception):
    """Base of every error that a person is meant to read, in the language that is current when it is read.

    `what` is one sentence without a trailing newline, `hint` says what to do and may be empty. Both are English
    templates, whose `{names}` stand for `values`; an error among them is its words.
    """

    def __init__(self, what: Words, hint: Words = "", /, **values: object) -> None:
        told = {name: value.phrase if isinstance(value, AppError) else value for name, value in values.items()}
        self._what, self._hint = (with_values(words, **told) for words in (what, hint))
        super().__init__(self._what, self._hint)

    def with_words(self, what: Phrase, hint: Phrase) -> Self:
        """Return the same error in other words."""
        other = copy.copy(self)
        other._what, other._hint = what, hint
        other.args = (what, hint)
        return other

    @property
    def what(self) -> str:
        """What happened, in the current language."""
        return str(self._what)

    @property
    def hint(self) -> str:
        """What can be done about it, in the current language."""
        return str(self._hint)

    @property
    def what_phrase(self) -> Phrase:
        """What happened, for another error that passes it on."""
        return self._what

    @property
    def hint_phrase(self) -> Phrase:
        """What can be done about it, for another error that passes it on."""
        return self._hint

    @property
    def phrase(self) -> Phrase:
        """Sentence and hint in one text, for use in another message."""
        return joined((self._what, self._hint), " ") if self._hint else self._what

    @property
    def english(self) -> str:
        """Both in English, for the log and for documents."""
        return self.phrase.english

    def __str__(self) -> str:
        return str(self.phrase)


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

    def __init__(self, what: Words, hint: Words = "", /, details: str = "", **values: object) -> None:
        super().__init__(what, hint, **values)
        self.details = details


class OutputUnavailableError(OutputError):
    """An output that needs a part that is not installed; trying again does not help."""


class RecordingError(AppError):
    """A recording that ended early; its `hint` says where the playable part is."""


class RecordingGoesOnError(RecordingError):
    """A recording that was stopped takes long to encode what waits; it goes on in the background."""


class DisplayError(AppError):
    """A window requested without a display."""
