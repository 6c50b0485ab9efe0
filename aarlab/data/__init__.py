"""Preparation of text data for weak-to-strong tasks: reading, checks, pools."""
