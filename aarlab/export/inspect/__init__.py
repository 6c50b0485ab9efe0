"""Export a run as an Inspect log."""
