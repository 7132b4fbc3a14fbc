"""Video files: reading, encoding, colour conversion, sound and other tracks."""
