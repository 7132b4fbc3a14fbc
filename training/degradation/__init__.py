"""Degradation models: how a clean face becomes a bad one."""
