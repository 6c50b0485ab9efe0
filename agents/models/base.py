"""The one protocol that every base model speaks: messages and tools in, a message and its cost out.

Everything a provider needs is here and in `registry`; `docs/providers.md` shows how one is written.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from aarlab.memory.messages import Conversation, Message, ToolSpec, Usage, content_hash


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt to have an answer that came to nothing."""

    model: str
    """`provider/model` that was asked."""
    error: str
    """What went wrong, for people."""
    usage: Usage
    """What is known of the tokens it took."""
    cost_usd: float | None
    """None: the price is not known."""
    waited_s: float
    """Seconds that were waited before the next attempt; 0 if there was none."""


class ModelError(RuntimeError):
    """A base model could not answer, and asking again would not help. The message says what happened and what to do."""

    failed_attempts: tuple[FailedAttempt, ...] = ()
    """The attempts that came to nothing before it was given up."""


class TransientError(ModelError):
    """A base model could not answer this time. Asking again may help."""

    def __init__(
        self, error: str, *, retry_after_s: float | None = None, usage: Usage | None = None, overloaded: bool = False
    ) -> None:
        """Take what went wrong.

        Args:
            fault: For people.
            retry_after_s: Seconds that the provider asks to wait; None if it does not say.
            usage: What is known of the tokens it took.
            crowded: The provider has too much to do: fewer calls at a time would help.
        """
        super().__init__(error)
        self.retry_after_s, self.overloaded = retry_after_s, overloaded
        self.usage = usage or Usage()
        self.cost_usd: float | None = 0.0
        """What is known of the price; filled in where the books are kept."""


class ContextTooLong(ModelError):
    """The conversation no longer fits into the model's context."""


class ModelUnavailable(ModelError):
    """A base model did not answer for so long that it was given up."""

    def __init__(self, explanation: str, *, agent: str) -> None:
        """Take what to tell people, and who has asked."""
        super().__init__(explanation)
        self.agent = agent


@dataclass(frozen=True, slots=True)
class Request:
    """What a base model is asked. It sees this and nothing else."""

    conversation: Conversation
    tools: tuple[ToolSpec, ...]

    @property
    def hash(self) -> str:
        """Hash over everything the model is shown."""
        # The tools as one JSON list.
        return content_hash(self.conversation.head, f"[{','.join(tool.stored() for tool in self.tools)}]")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a base model answered."""

    message: Message
    stop_reason: str
    """`tool_use` or `end_turn`, or what else ended it: `max_tokens`, `refusal`."""
    usage: Usage
    model: str
    """Id of the model as served."""
    cost_usd: float | None
    """None: the model does not know; then it is reckoned from the usage, where the price is known."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """The attempts that came to nothing before this one."""


class Model(Protocol):
    """A base model, opened for one agent.

    One that holds connections has a method `async aclose()` besides; one that can count the tokens of a request without
    answering it, `async count_tokens(request) -> int`.
    """

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            TransientError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a live base model is asked; simulated ones have no use for it."""

    max_tokens: int = 8192
    """Most tokens of one answer, thinking included."""
    effort: str | None = None
    """How hard it should try, in the provider's words; None: the provider's default."""
    thinking: Literal["default", "adaptive"] | int = "default"
    """Whether it thinks before it speaks: as it does by default, when it sees fit, or for at most so many tokens."""
    timeout_s: float = 600.0
    """Seconds for one answer, from the first byte sent to the last received."""
    base_url: str | None = None
    """Where it is served; None: the provider's own address."""
    text_tools: bool = False
    """Whether tools are offered and used in plain text, for models without a native form."""
