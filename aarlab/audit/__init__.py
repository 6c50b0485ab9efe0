"""The audit of a run: what its best methods do, where they come from, which components earn the score, who signed."""
