"""What a click sets off: changing the source, recording, snapshots, and the text that goes with them."""
