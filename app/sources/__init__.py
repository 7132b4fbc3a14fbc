"""The door for sources: cameras, videos, pictures, network streams. Imports core and media only."""
