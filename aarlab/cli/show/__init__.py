"""Reading a run: the whole of it, one agent's conversation, or step by step."""
