"""Budgets for base models: the limits, and the ledger of amounts that are spent or reserved for open calls."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aarlab.agents.models.base import ModelError

PositiveHours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveAmount = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveCount = Annotated[int, Field(gt=0)]

BUDGET_UNITS = ("usd", "tokens", "calls")
"""Units in which calls are counted: the fields of an `Amount`."""
_PER_AGENT = "_per_agent"
LIMIT_FIELDS = {f"{unit}{suffix}": unit for suffix in ("", _PER_AGENT) for unit in BUDGET_UNITS}
"""Fields of `Budget` that limit calls, each with its unit."""


class Budget(BaseModel):
    """Research time of each researcher, and limits on calls of base models. A limit that is not set does not apply."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    hours: PositiveHours = 24.0
    """Research hours of each researcher."""
    round_hours: PositiveHours = 2.0
    """Research hours of a round. Findings are shared between rounds."""
    seconds_per_hour: PositiveAmount | None = None
    """Seconds of fine-tuning and prediction on the device that count as one research hour of an experiment, such as
    3600. An experiment may begin if the hours left cover its entry in `costs`. None: the entry in `costs` is charged.
    Only for a task whose student is fine-tuned (hf).
    """
    usd: PositiveAmount | None = None
    """Maximum cost of all base model calls of the run, in US dollars."""
    tokens: PositiveCount | None = None
    """Maximum number of tokens of the run, input and output together."""
    calls: PositiveCount | None = None
    """Maximum number of base model replies in the run."""
    usd_per_agent: PositiveAmount | None = None
    """Maximum cost of the base model calls of each agent, in US dollars."""
    tokens_per_agent: PositiveCount | None = None
    """Maximum number of tokens of each agent, input and output together."""
    calls_per_agent: PositiveCount | None = None
    """Maximum number of base model replies for each agent."""

    @property
    def limits(self) -> dict[str, float]:
        """The limits on calls that are set, by field name."""
        values = {name: getattr(self, name) for name in LIMIT_FIELDS}
        return {name: value for name, value in values.items() if value is not None}

    @model_validator(mode="after")
    def _check_round_hours(self) -> "Budget":
        if self.round_hours > self.hours:
            raise ValueError(
                f"round_hours ({self.round_hours:g}) is longer than the whole budget, hours ({self.hours:g})"
            )
        return self


class BudgetExhausted(ModelError):
    """A limit of the run's budget does not cover the next call."""

    def __init__(self, field: str, agent: str, message: str) -> None:
        """Store the scenario field of the limit, the agent of the call, and the error message."""
        super().__init__(message)
        self.field, self.agent, self.message = field, agent, message


class SharedBudgetExhausted(ModelError):
    """The budget that the run shares with other runs does not cover the next call. The run stops and can be resumed."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Usage of calls in each budget unit."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.usd + other.usd, self.tokens + other.tokens, self.calls + other.calls)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.usd - other.usd, self.tokens - other.tokens, self.calls - other.calls)


class SharedBudget(Protocol):
    """A budget that several runs share, possibly across processes."""

    async def reserve(self, max_amount: Amount) -> None:
        """Reserve the maximum amount of a call; wait until it is available. Raises SharedBudgetExhausted."""

    def commit(self, max_amount: Amount, spent: Amount) -> None:
        """Replace a reservation with the amount that the call spent."""

    def would_refuse(self, max_amount: Amount) -> bool:
        """Return whether the budget cannot cover a call even without any other reservation."""


@dataclass(slots=True)
class Ledger:
    """Spent and reserved amounts of the run, by agent, checked against the limits of a budget."""

    budget: Budget
    shared_budget: SharedBudget | None = None
    """Budget shared with other runs; None: none."""
    spent: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """By agent. Only `add_spent` and `commit` change it."""
    reserved: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """By agent, for open calls. Without limits nothing is reserved."""
    limits: dict[str, float] = field(init=False)
    """The limits of the budget on calls, by field name."""
    limited_units: frozenset[str] = field(init=False)
    """The units of the limits; those of a shared budget are dollars and tokens."""
    _team_spent: Amount = field(init=False)
    _team_reserved: Amount = field(init=False, default=Amount())
    _waiting: list[asyncio.Future[None]] = field(init=False, default_factory=list)
    """Calls that wait until another call ends."""

    def __post_init__(self) -> None:
        """Derive limits and sums."""
        self.limits = self.budget.limits
        shared = ("usd", "tokens") if self.shared_budget is not None else ()
        self.limited_units = frozenset([*(LIMIT_FIELDS[name] for name in self.limits), *shared])
        self._team_spent = sum(self.spent.values(), start=Amount())

    def with_budget(self, budget: Budget) -> "Ledger":
        """Return a ledger with the same spent amounts under another budget."""
        return Ledger(budget, self.shared_budget, self.spent)

    @property
    def limited(self) -> bool:
        """Whether any limit on calls applies."""
        return bool(self.limited_units)

    async def reserve(self, agent: str, max_amount: Amount) -> None:
        """Reserve the maximum amount of a call; wait until open calls free enough of the budget.

        Raises:
            BudgetExhausted: The budget cannot cover the call, even after all open calls end.
            SharedBudgetExhausted: The shared budget cannot cover it.
        """
        if not self.limited:
            return
        while (name := self._first_exceeded(agent, max_amount)) is not None:
            # Open calls usually spend less than their reservation.
            refused = self._first_exceeded(agent, max_amount, with_open_calls=False) is not None
            if refused or not self._team_reserved.calls:
                raise self._exhausted_error(name, agent, max_amount)
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[-1]
        self.reserved[agent] += max_amount
        self._team_reserved += max_amount
        if self.shared_budget is not None:
            try:
                await self.shared_budget.reserve(max_amount)
            except BaseException:
                self._release(agent, max_amount)
                raise

    def would_refuse(self, agent: str, max_amount: Amount) -> bool:
        """Return whether the limits on dollars or tokens cannot cover a call even without any other reservation."""
        name = self._first_exceeded(agent, max_amount, with_open_calls=False)
        if name is not None:
            return LIMIT_FIELDS[name] != "calls"
        return self.shared_budget is not None and self.shared_budget.would_refuse(max_amount)

    def commit(self, agent: str, max_amount: Amount, spent: Amount) -> None:
        """Replace a reservation with the amount that the call spent."""
        self.add_spent(agent, spent)
        if not self.limited:
            return
        if self.shared_budget is not None:
            self.shared_budget.commit(max_amount, spent)
        self._release(agent, max_amount)

    def add_spent(self, agent: str, spent: Amount) -> None:
        """Add the amount of a call that needed no reservation, such as a recorded one."""
        self.spent[agent] += spent
        self._team_spent += spent

    def _release(self, agent: str, max_amount: Amount) -> None:
        self.reserved[agent] -= max_amount
        self._team_reserved -= max_amount
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def _first_exceeded(self, agent: str, max_amount: Amount, *, with_open_calls: bool = True) -> str | None:
        """Return the first limit that spent, reserved and this amount together exceed; None if there is none."""
        for name, limit in self.limits.items():
            unit, per_agent = LIMIT_FIELDS[name], name.endswith(_PER_AGENT)
            used = getattr(self.spent[agent] if per_agent else self._team_spent, unit)
            if with_open_calls:
                used += getattr(self.reserved[agent] if per_agent else self._team_reserved, unit)
            if used + getattr(max_amount, unit) > limit + 1e-9:
                return name
        return None

    def _exhausted_error(self, name: str, agent: str, max_amount: Amount) -> BudgetExhausted:
        unit, limit, per_agent = LIMIT_FIELDS[name], self.limits[name], name.endswith(_PER_AGENT)
        spent = getattr(self.spent[agent] if per_agent else self._team_spent, unit)
        message = (
            f"budget.{name} is {_format_amount(unit, limit)}; {_format_amount(unit, spent)} are spent"
            f"{f' by {agent}' if per_agent else ''}, and the next call of {agent} can take "
            f"{_format_amount(unit, getattr(max_amount, unit))}"
        )
        return BudgetExhausted(f"budget.{name}", agent, message)


def _format_amount(unit: str, amount: float) -> str:
    return f"${amount:.4f}" if unit == "usd" else f"{amount:,} {unit}"
