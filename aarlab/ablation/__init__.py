"""Ablations: run one scenario with different settings under the same seeds, and read the results."""
