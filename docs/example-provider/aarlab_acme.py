"""A provider of base models for aarlab: `acme/echo` notes down what it is told, once a round, and then rests."""

from aarlab.agents.models.base import Model, Reply, Request, Serving
from aarlab.agents.models.pricing import FREE
from aarlab.agents.models.registry import ModelInfo, Provider
from aarlab.memory.messages import Message, Text, ToolUse, Usage


class Echo:
    """A base model that repeats what it hears. A real one would call a service here, asynchronously."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request: write the last message into the notebook, or say that this is done."""
        turn = len(request.conversation.messages)
        heard = request.conversation.messages[-1].text
        offered = {tool.name for tool in request.tools}
        if not heard or "write_notebook" not in offered:
            return Reply(Message("assistant", (Text("I have said it."),)), "end_turn", Usage(), "echo-1", 0.0)
        note = ToolUse(f"echo-{turn}", "write_notebook", {"text": heard})
        return Reply(Message("assistant", (Text("I repeat."), note)), "tool_use", Usage(), "echo-1", 0.0)


def _open(seed: int, agent: str, temperament: str) -> Model:
    return Echo()


def _find(model: str, serving: Serving) -> ModelInfo | None:
    if model != "echo":
        return None
    return ModelInfo("acme/echo", "Repeats what it hears.", "nothing", _open, price=FREE)


PROVIDER = Provider("acme", "An example of a provider.", "nothing", "echo", _find)
