"""Outside agents as base models: an agent with its own loop calls the tools of a researcher.

The graph does not change for an outside agent. Each tool call that it makes becomes the reply of its base model; the
graph executes and records the call as for any researcher, and the result goes back to the agent. So budgets, gates,
stages and the tape hold for it, and a replay needs no agent. See docs/agents.md.
"""
