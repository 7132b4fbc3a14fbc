"""Dialogs, diagnostics and notifications, which open above the window."""
