"""The command line. Without a command it opens the window; other commands need neither Qt nor a display."""

from app.cli.entry import console, main

__all__ = ["console", "main"]
