"""The base of the package's errors."""


class TrainingError(Exception):
    """Base of every error that a person is meant to read: a command prints its message without a traceback."""
