"""Sharing: snapshots, clips, the gallery."""
