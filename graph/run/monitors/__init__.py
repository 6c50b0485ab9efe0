"""Monitors: what an honest researcher is not expected to do, with evidence and a suspicion."""
