"""Faces: detecting, tracking, aligning, pasting back. Imports core and media only."""
