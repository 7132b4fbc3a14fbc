"""Picture files: reading, writing, sizes, metadata; enlarging and degrading pictures."""
