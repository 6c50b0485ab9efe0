"""An example provider for aarlab: once a round `acme/echo` writes its last message into the notebook."""

from aarlab.agents.models.base import Model, ModelSettings, Reply, Request
from aarlab.agents.models.pricing import FREE
from aarlab.agents.models.registry import ModelInfo, Provider
from aarlab.memory.messages import Message, Text, ToolCall, Usage


class Echo:
    """A base model that repeats its last message. A real one would call a service here, asynchronously."""

    async def reply(self, request: Request) -> Reply:
        """Return a call of write_notebook with the last message, or a text if there is nothing to write."""
        turn = len(request.conversation.messages)
        last_text = request.conversation.messages[-1].text
        tool_names = {tool.name for tool in request.tools}
        if not last_text or "write_notebook" not in tool_names:
            return Reply(Message("assistant", (Text("Done."),)), "end_turn", Usage(), "echo-1", 0.0)
        note = ToolCall(f"echo-{turn}", "write_notebook", {"text": last_text})
        return Reply(Message("assistant", (Text("I write it down."), note)), "tool_use", Usage(), "echo-1", 0.0)


def _open(seed: int, agent: str, temperament: str) -> Model:
    return Echo()


def _find(model: str, settings: ModelSettings) -> ModelInfo | None:
    if model != "echo":
        return None
    return ModelInfo("acme/echo", "Repeats its last message.", "nothing", _open, price=FREE)


PROVIDER = Provider("acme", "An example provider.", "nothing", "echo", _find)
