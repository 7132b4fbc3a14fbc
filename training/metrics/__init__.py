"""Metrics of restored faces, with and without a truth."""
