"""Restoring files without a window: jobs, their tasks, executors, and videos frame by frame."""
