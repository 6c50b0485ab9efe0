"""The one protocol that every base model speaks: messages and tools in, a message and its cost out."""

from dataclasses import dataclass
from typing import Protocol

from aarlab.memory.messages import Conversation, Message, ToolSpec, Usage, canonical, content_hash


class ModelError(RuntimeError):
    """A base model could not answer. The message says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a base model is asked. It sees this and nothing else."""

    conversation: Conversation
    tools: tuple[ToolSpec, ...]

    @property
    def hash(self) -> str:
        """Hash over everything the model is shown."""
        return content_hash(self.conversation.head, canonical([tool.to_json() for tool in self.tools]))


@dataclass(frozen=True, slots=True)
class Reply:
    """What a base model answered."""

    message: Message
    stop_reason: str
    """`tool_use` or `end_turn`, or what else ended it."""
    usage: Usage
    model: str
    """Id of the model as served."""
    cost_usd: float | None
    """None: the price is not known."""


class Model(Protocol):
    """A base model, opened for one agent."""

    async def reply(self, request: Request) -> Reply:
        """Answer the request. Raises ModelError where no answer can be had."""
