"""Loss terms of the training recipes."""
