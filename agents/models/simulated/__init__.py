"""Simulated agents: policies that see what a language model would see, and act through the same tools."""
