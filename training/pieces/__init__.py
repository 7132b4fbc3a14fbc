"""Training in pieces on a machine that is lent for minutes: packed faces and resumable runs."""
