"""Pictures, video files, colour and encoders: bytes on disk to pixels and back. Imports core only."""
