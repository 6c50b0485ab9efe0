"""Money: what base models may cost, checked before each call with the most that it can take, booked after it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from aarlab.agents.models.base import Model, ModelError, Reply, Request, TransientError
from aarlab.agents.models.pricing import Price
from aarlab.graph.scenario import Budget
from aarlab.memory.messages import Message, ToolSpec, Usage, canonical_json

_OVERHEAD = 1000
"""Tokens that a provider may add to a request of its own: instructions for the use of tools, marks between messages."""


class BudgetExhausted(ModelError):
    """The budget has no room for a call."""

    def __init__(self, field: str, agent: str, message: str) -> None:
        """Take the scenario's field, whose call it was, and the sentence for people."""
        super().__init__(message)
        self.field, self.agent, self.message = field, agent, message


class SharedBudgetExhausted(ModelError):
    """What the run shares with others has no room for a call. The run breaks off here, and is not over."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What calls take."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.usd - other.usd, self.tokens - other.tokens, self.calls - other.calls)


class SharedBudget(Protocol):
    """Money that runs share, in whatever processes they are."""

    async def reserve(self, max_amount: Amount) -> None:
        """Set aside the most that a call can take, as soon as there is room for it. Raises PurseEmpty."""

    def commit(self, max_amount: Amount, spent: Amount) -> None:
        """Put down what a call took in the place of what was set aside for it."""

    def would_refuse(self, max_amount: Amount) -> bool:
        """Tell whether there would be no room for a call, even if nothing else were held."""


@dataclass(slots=True)
class Ledger:
    """What has been spent, and what calls that are under way may still take, of the whole run and of each agent."""

    budget: Budget
    shared_budget: SharedBudget | None = None
    """What other runs spend from as well; None: there is no such thing."""
    spent: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """By agent."""
    reserved: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """By agent, for calls that are under way."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def with_budget(self, budget: Budget) -> "Ledger":
        """Return the books of the same run under another budget."""
        return Ledger(budget, self.shared_budget, self.spent)

    @property
    def limited(self) -> bool:
        """Whether there is a limit on anything but hours."""
        return self.shared_budget is not None or any(getattr(self.budget, name) is not None for name in _LIMITS)

    async def reserve(self, agent: str, max_amount: Amount) -> None:
        """Set aside the most that a call can take, as soon as there is room for it.

        Raises:
            LimitSpent: There is no room, and none will become free.
            PurseEmpty: There is none in what the run shares with others.
        """
        async with self.changed:
            while (name := self._first_exceeded(agent, max_amount, self.reserved)) is not None:
                # What is under way mostly takes less than was set aside for it.
                if self._first_exceeded(agent, max_amount, {}) is not None or not any(
                    reserved.calls for reserved in self.reserved.values()
                ):
                    raise self._exhausted_error(name, agent, max_amount)
                await self.changed.wait()
            self.reserved[agent] += max_amount
        if self.shared_budget is not None:
            try:
                await self.shared_budget.reserve(max_amount)
            except BaseException:
                await self._release(agent, max_amount, Amount())
                raise

    def would_refuse(self, agent: str, max_amount: Amount) -> bool:
        """Tell whether there would be no room for a call for all that it can take, even if nothing else were held."""
        name = self._first_exceeded(agent, max_amount, {})
        if name is not None:
            return _LIMITS[name] != "calls"
        return self.shared_budget is not None and self.shared_budget.would_refuse(max_amount)

    async def commit(self, agent: str, max_amount: Amount, spent: Amount) -> None:
        """Put down what a call took in the place of what was set aside for it."""
        if self.shared_budget is not None:
            self.shared_budget.commit(max_amount, spent)
        await self._release(agent, max_amount, spent)

    async def _release(self, agent: str, max_amount: Amount, spent: Amount) -> None:
        async with self.changed:
            self.reserved[agent] -= max_amount
            self.spent[agent] += spent
            self.changed.notify_all()

    def _first_exceeded(self, agent: str, max_amount: Amount, reserved: dict[str, Amount]) -> str | None:
        """Return the first limit that has no room for a call beside what is spent and held; None if all have."""
        for name, unit in _LIMITS.items():
            limit = getattr(self.budget, name)
            if limit is None:
                continue
            whose = [agent] if name.endswith("_per_agent") else [*self.spent.keys() | reserved.keys()]
            taken = [getattr(ledger[one], unit) for ledger in (self.spent, reserved) for one in whose if one in ledger]
            if sum(taken) + getattr(max_amount, unit) > limit + 1e-9:
                return name
        return None

    def _exhausted_error(self, name: str, agent: str, max_amount: Amount) -> BudgetExhausted:
        unit, limit = _LIMITS[name], getattr(self.budget, name)
        whose = [agent] if name.endswith("_per_agent") else list(self.spent)
        spent = sum(getattr(self.spent[one], unit) for one in whose if one in self.spent)
        by = f" by {agent}" if name.endswith("_per_agent") else ""
        message = (
            f"budget.{name} is {_format_amount(unit, limit)}; {_format_amount(unit, spent)} are spent{by}, and the next call of "
            f"{agent} can take {_format_amount(unit, getattr(max_amount, unit))}"
        )
        return BudgetExhausted(f"budget.{name}", agent, message)


_LIMITS = {f"{unit}{whose}": unit for whose in ("", "_per_agent") for unit in ("usd", "tokens", "calls")}
"""Fields of the budget, each with the part of an amount that it limits."""


def _format_amount(unit: str, amount: float) -> str:
    return f"${amount:.4f}" if unit == "usd" else f"{amount:,} {unit}"


class MeteredModel:
    """A base model whose calls are paid for: priced, booked, and not made where the budget has no room for them."""

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
        """Ask `model` on behalf of an agent.

        Args:
            model: The base model.
            agent: Whose calls they are.
            books: Where they are put down.
            price: What they cost; None: not known.
            max_tokens: Most tokens of an answer.
            count: Has the provider count the tokens of a request, where it does; asked where nothing else helps.
        """
        self._model, self._agent, self._ledger = model, agent, ledger
        self._price, self._max_tokens, self._count = price, max_tokens, count
        self._token_bound = _TokenBound()

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            LimitSpent: The budget has no room for it.
            PurseEmpty: What the run shares with others has no room for it.
            TransientError: This time there is no answer, for a reason that passes.
            ModelError: There is no answer to be had.
        """
        max_amount = await self._max_amount(request) if self._ledger.limited else Amount(calls=1)
        await self._ledger.reserve(self._agent, max_amount)
        spent = Amount()
        try:
            reply = await self._model.reply(request)
            cost = self._cost(reply.usage) if reply.cost_usd is None else reply.cost_usd
            spent = Amount(cost or 0.0, reply.usage.tokens, 1)
            self._token_bound.update(request, reply)
            return replace(reply, cost_usd=cost)
        except TransientError as error:
            error.cost_usd = self._cost(error.usage) if error.usage.tokens else 0.0
            spent = Amount(error.cost_usd or 0.0, error.usage.tokens, 0)
            raise
        finally:
            await self._ledger.commit(self._agent, max_amount, spent)

    def restore_reply(self, request: Request, reply: Reply) -> None:
        """Take in an answer that was paid for before."""
        self._token_bound.update(request, reply)

    async def _max_amount(self, request: Request) -> Amount:
        """Return the most that a call can take; more exactly, if it would be refused otherwise."""
        tokens = self._token_bound.upper_bound(request)
        max_amount = self._amount(tokens)
        if self._count is None or not self._ledger.would_refuse(self._agent, max_amount):
            return max_amount
        try:
            return self._amount(min(tokens, await self._count(request) + _OVERHEAD))
        except ModelError:
            # Then the bound has to do.
            return max_amount

    def _amount(self, tokens: int) -> Amount:
        """Return the most that a request of so many tokens can take."""
        usage = Usage(tokens, self._max_tokens)
        return Amount(self._price.max_usd(usage) if self._price else 0.0, usage.tokens, 1)

    def _cost(self, usage: Usage) -> float | None:
        return None if self._price is None else self._price.cost_usd(usage)


@dataclass(slots=True)
class _TokenBound:
    """Bounds the tokens of a request from above: what was counted before, and for what is new its bytes, for no token
    is less than a byte.
    """

    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    messages: tuple[Message, ...] = ()
    tokens: int = 0
    """Of all these together."""

    def update(self, request: Request, reply: Reply) -> None:
        """Take in what the last request and its answer took."""
        self.system, self.tools = request.conversation.system, request.tools
        self.messages = (*request.conversation.messages, reply.message)
        self.tokens = reply.usage.tokens

    def upper_bound(self, request: Request) -> int:
        """Return a number of tokens that the request does not exceed."""
        system, messages = request.conversation.system, request.conversation.messages
        tools = [] if request.tools == self.tools else [tool.to_json() for tool in request.tools]
        if system == self.system and (known := self._known(messages)):
            return self.tokens + _bytes([tools, *(message.to_json() for message in messages[known:])]) + _OVERHEAD
        tools = [tool.to_json() for tool in request.tools]
        return _bytes([system, tools, [message.to_json() for message in messages]]) + _OVERHEAD

    def _known(self, messages: tuple[Message, ...]) -> int:
        """Return how many messages, from the first on, were part of what was counted."""
        if messages[: len(self.messages)] == self.messages:
            return len(self.messages)
        pairs = zip(messages, self.messages, strict=False)
        n_shared = min(len(messages), len(self.messages))
        return next((place for place, (new, old) in enumerate(pairs) if new != old), n_shared)


def _bytes(value: object) -> int:
    return len(canonical_json(value).encode())
