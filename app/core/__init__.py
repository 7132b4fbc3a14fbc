"""Values, settings and errors that every other folder shares. Imports nothing of ours."""
