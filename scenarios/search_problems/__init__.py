"""Search problems of the literature on collective search, as pure functions and classes with seeded generators.

Scores are vectorised with numpy. Nothing here knows agents, networks or rounds.
"""
