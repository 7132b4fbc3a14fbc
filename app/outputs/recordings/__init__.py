"""Recordings: the recorder, its file that survives a crash, an even rate, the microphone, and rescue."""
