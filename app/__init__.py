"""CFRNet Live: faces restored live by a small network applied k times."""

__version__ = "0.1.0"
