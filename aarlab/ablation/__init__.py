"""Ablations: the same scenario with different settings under the same seeds; plan, folder, work and records."""
