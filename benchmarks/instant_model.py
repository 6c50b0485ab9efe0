"""A base model that replies immediately with a tool call, for benchmarks."""

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.pricing import Price
from aarlab.memory.messages import Message, Text, ToolCall, Usage

NAME = "benchmark/instant"
NOTE = "observation, interpretation, next step. " * 13
"""About 500 characters."""


class InstantModel:
    """A base model that writes a new note into its notebook in every turn."""

    def __init__(self, agent: str) -> None:
        """Open the model for one agent."""
        self._agent, self._turn = agent, 0

    async def reply(self, request: Request) -> Reply:
        """Return a call of write_notebook immediately."""
        self._turn += 1
        note = f"{self._agent}, note {self._turn}: {NOTE}"
        tool_call = ToolCall(f"t{self._turn}", "write_notebook", {"text": note})
        usage = Usage(100, 50)
        return Reply(Message("assistant", (Text("I write a note."), tool_call)), "tool_use", usage, "instant", None)


def register(price: Price) -> None:
    """Make the model available as `benchmark/instant` at a price."""

    def open_model(seed: int, agent: str, temperament: str) -> Model:
        return InstantModel(agent)

    info = registry.ModelInfo(NAME, "replies immediately", "nothing", open_model, price)
    registry.MODELS = {**registry.MODELS, info.name: info}
