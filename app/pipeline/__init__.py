"""The frame pipeline, and what runs it: the capture thread, the live session, measurements."""
