"""Estimate of the base model usage of a run before it starts, as a range.

The length of replies and of tool results is assumed, with wide bounds. Everything else comes from the scenario: hours,
costs of steps, prompts, tools and prices.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from aarlab.agents.models.pricing import Price
from aarlab.graph.flow.researcher_setup import system_prompt_for, tools_for
from aarlab.graph.run.spending_measures import known_total
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Usage

_MIN_CALLS_PER_EXPERIMENT = 4
"""Minimum number of a researcher's calls: write a method, pilot it, run it in full, post a finding."""


@dataclass(frozen=True, slots=True)
class _Assumptions:
    """Assumptions for one end of the range."""

    bytes_per_token: float
    reply_tokens: int
    """Tokens of a reply, thinking included."""
    result_tokens: int
    """Tokens of tool results and round messages between two replies."""
    single_prompt_tokens: int
    """Tokens of a request to an agent without a conversation, such as the reviewer."""


_LOW = _Assumptions(bytes_per_token=4.5, reply_tokens=150, result_tokens=200, single_prompt_tokens=2_000)
_HIGH = _Assumptions(bytes_per_token=3.0, reply_tokens=1_500, result_tokens=1_500, single_prompt_tokens=8_000)


@dataclass(frozen=True, slots=True)
class UsageEstimate:
    """Usage of base model calls at one end of the range."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    """Cost in US dollars if the provider caches the conversation; None: a price is unknown."""

    def __add__(self, other: "UsageEstimate") -> "UsageEstimate":
        return UsageEstimate(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            known_total([self.usd, other.usd]),
        )


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Estimated usage of the base models that are not free."""

    low: UsageEstimate
    high: UsageEstimate
    unpriced: tuple[str, ...]
    """Base models with an unknown price."""

    @property
    def is_free(self) -> bool:
        """Whether all base models of the run are free."""
        return not self.unpriced and self.high.usd == 0


def estimate_cost(scenario: Scenario) -> CostEstimate:
    """Return the estimated usage of a run that ends when its research hours are used up."""
    unpriced = tuple(name for name in scenario.models_used if scenario.live.price(name) is None)
    low = sum(_usages(scenario, _LOW, at_high_end=False), UsageEstimate())
    return CostEstimate(low, sum(_usages(scenario, _HIGH, at_high_end=True), UsageEstimate()), unpriced)


def _usages(scenario: Scenario, assumed: _Assumptions, *, at_high_end: bool) -> Iterator[UsageEstimate]:
    """Yield the usage of each agent that has a base model with a price."""
    team, structure, costs = scenario.team, scenario.structure, scenario.costs
    cycle = _MIN_CALLS_PER_EXPERIMENT * costs.think + costs.write + costs.pilot + costs.full + costs.share
    experiments = scenario.budget.hours / cycle
    calls = (
        scenario.budget.hours / (costs.think + costs.read) if at_high_end else _MIN_CALLS_PER_EXPERIMENT * experiments
    )
    tools = [tool.spec.to_json() for tool in tools_for(scenario).values()]
    prompt_bytes = len((system_prompt_for("r1", scenario, None, None) + json.dumps(tools)).encode())
    for name in team.names:
        if (price := scenario.live.price(team.model_of(name))) is None or price.input or price.output:
            compact_at = scenario.live.compact_at_for(team.model_of(name))
            yield _conversation(round(calls), prompt_bytes, assumed, price, compact_at, scenario.live.max_tokens)
    # Reviewer and librarian, and the overseer for each tool, are called about as often as there are experiments.
    calls_per_role = round(experiments * team.researchers * (2 if at_high_end else 0.5))
    leads = len(structure.groups_by_lead(team.names))
    calls_of_overseer = scenario.rounds * structure.has_overseer + calls_per_role * len(structure.approve_tools)
    # Pairs, because several roles can have the same base model.
    calls_of_roles = [
        (team.reviewer, calls_per_role * (structure.review != "none")),
        (team.librarian, calls_per_role * (structure.sharing == "query")),
        (team.overseer, calls_of_overseer),
        (team.escalation, calls_of_overseer * (scenario.escalates and at_high_end)),
        (team.model_of("lead"), (3 if at_high_end else 1) * structure.planned + scenario.rounds * leads),
        (scenario.monitor.model, team.researchers * bool(scenario.monitor.model)),
        (scenario.replicator, scenario.scoring.finalists * scenario.close.replicate),
    ]
    for name, calls in calls_of_roles:
        if calls and ((price := scenario.live.price(name)) is None or price.input or price.output):
            yield _single_calls(calls, assumed, price)


def _conversation(
    calls: int, prompt_bytes: int, assumed: _Assumptions, price: Price | None, compact_at: int | None, max_tokens: int
) -> UsageEstimate:
    """Return the usage of a conversation that starts with `prompt_bytes` and grows with each call."""
    reply_tokens, total, before = min(assumed.reply_tokens, max_tokens), UsageEstimate(), 0
    size = round(prompt_bytes / assumed.bytes_per_token)
    for _ in range(calls):
        usage = Usage(size, reply_tokens, cache_read_tokens=before, cache_written_tokens=size - before)
        total += UsageEstimate(1, size, reply_tokens, None if price is None else price.cost_usd(usage))
        before, size = size, size + reply_tokens + assumed.result_tokens
        if compact_at is not None and size > compact_at:
            before, size = 0, size // 2
    return total


def _single_calls(calls: int, assumed: _Assumptions, price: Price | None) -> UsageEstimate:
    """Return the usage of calls without a conversation."""
    usage = Usage(assumed.single_prompt_tokens, assumed.reply_tokens)
    each = None if price is None else price.cost_usd(usage)
    usd = None if each is None else each * calls
    return UsageEstimate(calls, assumed.single_prompt_tokens * calls, assumed.reply_tokens * calls, usd)
