"""A base model with a price and a budget: it reserves the maximum cost before each call and commits the actual cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from aarlab.agents.models.base import Model, ModelError, Reply, Request, UsageUnknown
from aarlab.agents.models.pricing import Price
from aarlab.graph.calls.budget import Amount, Ledger
from aarlab.memory.messages import Messages, ToolSpec, Usage, canonical_json

_OVERHEAD = 1000
"""Tokens that a provider may add to a request: instructions for tool use, separators between messages."""


class MeteredModel:
    """A base model that makes a call only if the budget covers it, and commits the cost of each call."""

    def __init__(
        self,
        model: Model,
        agent: str,
        ledger: Ledger,
        price: Price | None,
        max_tokens: int,
        *,
        count: Callable[[Request], Awaitable[int]] | None = None,
    ) -> None:
        """Meter the calls of one agent.

        Args:
            model: The base model.
            agent: The agent that makes the calls.
            ledger: Where the amounts of calls are reserved and committed.
            price: Price of the base model; None: unknown.
            max_tokens: Maximum number of tokens in a reply.
            count: Returns the provider's token count of a request. Called only if the local bound exceeds the budget.
        """
        self._model, self._agent, self._ledger = model, agent, ledger
        self._price, self._max_tokens, self._count = price, max_tokens, count
        self._token_bound = _TokenBound()

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            BudgetExhausted: The budget does not cover the call.
            SharedBudgetExhausted: The budget shared with other runs does not cover the call.
            UsageUnknown: The server did not report the usage, and a limit needs it.
            TransientError: The call failed, and a retry may help.
            ModelError: The call failed, and a retry would not help.
        """
        max_amount = await self._max_amount(request) if self._ledger.limited else Amount(calls=1)
        await self._ledger.reserve(self._agent, max_amount)
        spent = Amount()
        try:
            reply = await self._model.reply(request)
            cost = self._cost(reply.usage) if reply.cost_usd is None else reply.cost_usd
            spent = Amount(cost or 0.0, reply.usage.known_tokens, 1)
            if (unknown := self._unknown_unit(reply.usage, cost)) is not None:
                # It may have cost as much as was reserved.
                spent = max_amount
                raise UsageUnknown(reply.model, unknown, reply.usage)
            if self._ledger.limited:
                self._token_bound.update(request, reply)
            return reply if cost == reply.cost_usd else replace(reply, cost_usd=cost)
        except ModelError as error:
            if error.usage is not None and not isinstance(error, UsageUnknown):
                error.cost_usd = self._cost(error.usage) if error.usage.known_tokens else 0.0
                spent = Amount(error.cost_usd or 0.0, error.usage.known_tokens, 0)
            raise
        finally:
            self._ledger.commit(self._agent, max_amount, spent)

    def restore_reply(self, request: Request, reply: Reply) -> None:
        """Update the token bound with a recorded reply."""
        self._token_bound.update(request, reply)

    async def _max_amount(self, request: Request) -> Amount:
        """Return an upper bound of a call's usage; ask the provider for a tighter one if the budget would refuse it."""
        tokens = self._token_bound.upper_bound(request)
        max_amount = self._amount(tokens)
        if self._count is None or not self._ledger.would_refuse(self._agent, max_amount):
            return max_amount
        try:
            return self._amount(min(tokens, await self._count(request) + _OVERHEAD))
        except ModelError:
            return max_amount

    def _amount(self, tokens: int) -> Amount:
        """Return the maximum usage of a call with this number of input tokens."""
        dollars = self._price.max_usd(tokens, self._max_tokens) if self._price else 0.0
        return Amount(dollars, tokens + self._max_tokens, 1)

    def _unknown_unit(self, usage: Usage, cost: float | None) -> str | None:
        """Return the unit of a limit that the usage of a reply is unknown for; None if there is none."""
        units = self._ledger.limited_units
        if "tokens" in units and usage.tokens is None:
            return "tokens"
        return "usd" if "usd" in units and cost is None and usage.tokens is None else None

    def _cost(self, usage: Usage) -> float | None:
        return None if self._price is None else self._price.cost_usd(usage)


@dataclass(slots=True)
class _TokenBound:
    """Upper bound on the tokens of a request: the provider's count of the last request, plus the bytes that are new.

    A token has at least one byte.
    """

    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    messages: Messages = field(default_factory=lambda: Messages([], 0))
    tokens: int = 0
    """Tokens of system prompt, tools and messages together."""

    def update(self, request: Request, reply: Reply) -> None:
        """Store the token count of a request and its reply, if it is known."""
        if reply.usage.tokens is None:
            return
        self.system, self.tools = request.conversation.system, request.tools
        self.messages = request.conversation.messages.then((reply.message,))
        self.tokens = reply.usage.tokens

    def upper_bound(self, request: Request) -> int:
        """Return an upper bound on the tokens of a request."""
        system, messages = request.conversation.system, request.conversation.messages
        tools = [] if request.tools == self.tools else [tool.to_json() for tool in request.tools]
        if system == self.system and (n_known := messages.common_length(self.messages)):
            return self.tokens + _n_bytes([tools, *(message.to_json() for message in messages[n_known:])]) + _OVERHEAD
        tools = [tool.to_json() for tool in request.tools]
        return _n_bytes([system, tools, [message.to_json() for message in messages]]) + _OVERHEAD


def _n_bytes(value: object) -> int:
    return len(canonical_json(value).encode())
