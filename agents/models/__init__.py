"""Base models: what an agent thinks with."""
