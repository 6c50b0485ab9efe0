"""Base models that reply immediately with a tool call, for benchmarks."""

import inspect
import random
import re
from functools import cache

from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, Reply, Request
from aarlab.agents.models.pricing import Price
from aarlab.memory.messages import Message, Text, ToolCall, Usage
from aarlab.scenarios import toolkit

NAME = "benchmark/instant"
POSTING = "benchmark/posting"
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


class PostingModel:
    """A base model that posts a new finding of 300 bytes in every turn."""

    def __init__(self, agent: str) -> None:
        """Open the model for one agent."""
        self._rng, self._turn = random.Random(agent), 0

    async def reply(self, request: Request) -> Reply:
        """Return a call of post_finding immediately."""
        self._turn += 1
        words = " ".join(self._rng.choices(_words(), k=60))
        finding = {"type": "insight", "title": words[300:330], "body": words[:300], "family": "other"}
        tool_call = ToolCall(f"t{self._turn}", "post_finding", finding)
        return Reply(Message("assistant", (tool_call,)), "tool_use", Usage(100, 50), "posting", None)


@cache
def _words() -> tuple[str, ...]:
    """Return the words of the toolkit's documentation: they repeat no phrase, so they compress like prose at best."""
    return tuple(sorted(set(re.findall(r"[a-z]{2,12}", inspect.getsource(toolkit)))))


def register(price: Price) -> None:
    """Make the models available as `benchmark/instant` and `benchmark/posting` at a price."""
    for name, model in ((NAME, InstantModel), (POSTING, PostingModel)):

        def open_model(seed: int, agent: str, temperament: str, model: type[Model] = model) -> Model:
            return model(agent)

        info = registry.ModelInfo(name, "replies immediately", "nothing", open_model, price, live=False)
        registry.MODELS = {**registry.MODELS, info.name: info}
