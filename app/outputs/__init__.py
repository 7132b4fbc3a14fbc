"""The door for outputs: recordings, virtual camera, network stream; snapshots, clips. Imports core and media only."""
