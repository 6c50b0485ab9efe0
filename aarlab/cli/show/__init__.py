"""Views of a run: overview, conversation of an agent, and single steps."""
