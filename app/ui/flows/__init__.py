"""What actions do: changing the source, recording, snapshots, and their messages."""
