"""The controls: the settings panel, the source menu, playback and the status line."""
