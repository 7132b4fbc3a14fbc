"""Degradation models: synthetic degradations of clean faces."""
