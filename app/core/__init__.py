"""Values, settings and errors shared by every other folder. Imports no other folder."""
