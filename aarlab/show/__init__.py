"""Reading a run: the whole of it, or one agent's conversation."""

from aarlab.show.conversation import conversation
from aarlab.show.export import run_as_json
from aarlab.show.overview import overview
from aarlab.show.reading import Reading, agent_named
from aarlab.show.walk import Walk

__all__ = ["Reading", "Walk", "agent_named", "conversation", "overview", "run_as_json"]
