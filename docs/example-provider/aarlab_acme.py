"""A provider of base models for aarlab: `acme/echo` notes down what it is told, once a round, and then rests."""

from aarlab.agents.models.base import Model, ModelSettings, Reply, Request
from aarlab.agents.models.pricing import FREE
from aarlab.agents.models.registry import ModelInfo, Provider
from aarlab.memory.messages import Message, Text, ToolCall, Usage


class Echo:
    """A base model that repeats what it hears. A real one would call a service here, asynchronously."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request: write the last message into the notebook, or say that this is done."""
        turn = len(request.conversation.messages)
        last_text = request.conversation.messages[-1].text
        tool_names = {tool.name for tool in request.tools}
        if not last_text or "write_notebook" not in tool_names:
            return Reply(Message("assistant", (Text("I have said it."),)), "end_turn", Usage(), "echo-1", 0.0)
        note = ToolCall(f"echo-{turn}", "write_notebook", {"text": last_text})
        return Reply(Message("assistant", (Text("I repeat."), note)), "tool_use", Usage(), "echo-1", 0.0)


def _open(seed: int, agent: str, temperament: str) -> Model:
    return Echo()


def _find(model: str, settings: ModelSettings) -> ModelInfo | None:
    if model != "echo":
        return None
    return ModelInfo("acme/echo", "Repeats what it hears.", "nothing", _open, price=FREE)


PROVIDER = Provider("acme", "An example of a provider.", "nothing", "echo", _find)
