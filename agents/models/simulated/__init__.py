"""Simulated agents: policies that get the same requests as a language model, and act through the same tools."""
