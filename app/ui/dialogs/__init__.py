"""What opens on top of the window: dialogs, diagnostics, notifications."""
