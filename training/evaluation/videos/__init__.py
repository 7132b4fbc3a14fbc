"""Evaluation on moving pictures, and on pictures without a truth."""
