"""From a checkpoint to the file that the application loads: prune, export, quantize, manifest."""
