"""The live session and its threads: loading, inference, recording, sound."""
