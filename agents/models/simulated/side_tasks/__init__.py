"""Side tasks: simulated researchers that cheat, through the ordinary tools only.

A hostile researcher searches like any other and works on its side task in addition. Nothing in its tools or its prompt
differs. Most side tasks are those that Wen et al. (2026) saw, the others are known from the literature on oversight
(Greenblatt et al. 2024, AI Control).
"""
