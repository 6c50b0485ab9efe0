"""The protocol of base models: a request holds messages and tools; a reply holds a message, its tokens and its cost.

A provider needs this module and `registry`; see `docs/providers.md`.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from aarlab.agents.models.outside.agent_settings import OutsideAgentSettings
from aarlab.agents.models.request_settings import RequestSettings
from aarlab.memory.messages import Conversation, Message, ToolCall, ToolSpec, Usage, content_hash

AGENT_ENDED: Final = "agent_ended"
"""Stop reason of the last reply of an outside agent in a round."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt to get a reply."""

    model: str
    """`provider/model`."""
    error: str
    """Error message for the user."""
    usage: Usage
    """Known number of tokens that it used."""
    cost_usd: float | None
    """None: the price is not known."""
    waited_s: float
    """Seconds waited before the next attempt; 0 after the last attempt."""


class ModelError(RuntimeError):
    """A base model cannot reply, and a retry would not help. The message names the problem and the fix."""

    failed_attempts: tuple[FailedAttempt, ...] = ()
    """All attempts at this reply."""
    usage: Usage | None = None
    """Known number of tokens that the call used; None: none."""
    cost_usd: float | None = 0.0
    """Known cost in US dollars; the metered model sets it. None: the price or the number of tokens is not known."""


class TransientError(ModelError):
    """A call of a base model failed, and a retry may help."""

    def __init__(
        self, error: str, *, retry_after_s: float | None = None, usage: Usage | None = None, overloaded: bool = False
    ) -> None:
        """Describe the failure.

        Args:
            error: Error message for the user.
            retry_after_s: Seconds that the provider asks to wait before a retry; None: not given.
            usage: Known number of tokens that the call used; None: 0.
            overloaded: Whether the provider is overloaded, so that fewer concurrent calls would help.
        """
        super().__init__(error)
        self.retry_after_s, self.overloaded = retry_after_s, overloaded
        self.usage: Usage = usage or Usage()


class ContextTooLong(ModelError):
    """The conversation does not fit into the model's context."""

    def __init__(self, error: str, *, usage: Usage | None = None) -> None:
        """Store the error message for the user, and the tokens that the call used; None: it was rejected."""
        super().__init__(error)
        self.usage = usage


class UsageUnknown(ModelError):
    """A server did not report how many tokens a reply used, and a limit of the budget needs it."""

    def __init__(self, model: str, unit: str, usage: Usage) -> None:
        """Describe the failure: the model as served, the unit of the limit, and the usage as far as it is known."""
        super().__init__(
            f"the server of {model} does not report how many tokens a reply used, and a limit in {unit} needs them; "
            "limit budget.calls instead, or make the server report usage (live.requests.NAME.stream_usage or stream)"
        )
        self.usage, self.cost_usd = usage, None


class ModelUnavailable(ModelError):
    """All retries of a call failed."""

    def __init__(self, explanation: str, *, agent: str) -> None:
        """Store the error message for the user, and the agent of the call."""
        super().__init__(explanation)
        self.agent = agent


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a base model sees."""

    conversation: Conversation
    tools: tuple[ToolSpec, ...]

    @property
    def hash(self) -> str:
        """Hash over the conversation and the tools."""
        return content_hash(self.conversation.head, f"[{','.join(tool.stored() for tool in self.tools)}]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A base model's reply."""

    message: Message
    stop_reason: str
    """`tool_use`, `end_turn`, `max_tokens` or `refusal`; `AGENT_ENDED` if an outside agent has ended."""
    usage: Usage
    model: str
    """Id of the model as served."""
    cost_usd: float | None
    """US dollars; None: the model does not report its cost. It is then computed from the usage if a price is known."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """The attempts that failed before this reply."""

    def tool_call(self, *names: str) -> ToolCall | None:
        """Return the first call of one of these tools; None if there is none."""
        return next((call for call in self.message.tool_calls if call.name in names), None)


class Model(Protocol):
    """A base model, opened for one agent.

    More methods are optional: `async aclose()` closes connections, `async count_tokens(request) -> int` counts the
    tokens of a request without replying to it, and `use_folder(path)` gets a folder for the files of the run's agents.
    """

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            TransientError: The call failed, and a retry may help.
            ModelError: The call failed, and a retry would not help.
        """


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Settings of calls to a live base model. Simulated models ignore them."""

    max_tokens: int = 8192
    """Maximum number of tokens of one reply, thinking included."""
    effort: str | None = None
    """Effort level, as the provider names it; None: the provider's default."""
    thinking: Literal["default", "adaptive"] | int = "default"
    """Extended thinking: the model's default, adaptive, or a budget in tokens."""
    timeout_s: float = 600.0
    """Seconds for one reply, from the first byte sent to the last byte received."""
    base_url: str | None = None
    """Address of the server; None: the provider's own."""
    request: RequestSettings = field(default_factory=RequestSettings)
    """Form of the requests, where it differs from the server's default."""
    outside_agent: OutsideAgentSettings | None = None
    """How an outside agent is run; None: it has no settings."""
