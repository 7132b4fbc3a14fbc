"""Where restored frames go: recordings, snapshots. Imports core and media only."""
