"""What people keep and pass on: snapshots, clips, the gallery."""
