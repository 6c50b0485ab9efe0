"""The tasks, and what they are made with: pretraining, the weak teacher, the assembly of a world."""
