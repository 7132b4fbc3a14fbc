"""Video files: restored whole or in pieces that are joined, with everything beside the pictures kept."""
