"""Restoring files without a window: what is to be done, one file at a time, video files frame by frame."""
