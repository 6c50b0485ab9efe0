"""What a run will take of its base models, before it begins: a range, from what the scenario says and a few guesses.

The guesses are about how models work, and deliberately wide: how much they say in an answer, and how much comes back
from their tools. Everything else is in the scenario: hours, what steps cost, prompts and tools, prices.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from aarlab.agents.models.pricing import Price
from aarlab.graph.flow.researcher_setup import system_prompt_for, tools_for
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Usage

_MIN_CALLS_PER_EXPERIMENT = 4
"""Of a researcher that does the least thinking: to write a method, to try it, to run it in full, to post what came."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """One end of the range."""

    bytes_per_token: float
    reply_tokens: int
    """Tokens of an answer, thinking included."""
    result_tokens: int
    """Tokens of what comes back: results of tools, news."""
    single_prompt_tokens: int
    """Tokens of a question to somebody who is asked anew each time."""


_LOW = _Guess(bytes_per_token=4.5, reply_tokens=150, result_tokens=200, single_prompt_tokens=2_000)
_HIGH = _Guess(bytes_per_token=3.0, reply_tokens=1_500, result_tokens=1_500, single_prompt_tokens=8_000)


@dataclass(frozen=True, slots=True)
class UsageEstimate:
    """What calls take, at one end of the range."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    """If what was said before is read from the provider's cache; None: a price is not known."""

    def __add__(self, other: "UsageEstimate") -> "UsageEstimate":
        known = self.usd is not None and other.usd is not None
        return UsageEstimate(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            (self.usd or 0.0) + (other.usd or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What the base models of a run will take that cost something, or may."""

    low: UsageEstimate
    high: UsageEstimate
    unpriced: tuple[str, ...]
    """Base models whose price is not known."""

    @property
    def is_free(self) -> bool:
        """Whether nobody thinks with a base model that costs anything."""
        return not self.unpriced and self.high.usd == 0


def estimate_cost(scenario: Scenario) -> CostEstimate:
    """Return what a run will take, if no limit but its research hours ends it."""
    unpriced = tuple(name for name in scenario.models_used if scenario.live.price(name) is None)
    low = sum(_all(scenario, _LOW, at_high_end=False), UsageEstimate())
    return CostEstimate(low, sum(_all(scenario, _HIGH, at_high_end=True), UsageEstimate()), unpriced)


def _all(scenario: Scenario, guess: _Guess, *, at_high_end: bool) -> Iterator[UsageEstimate]:
    """Yield what each agent takes, those left out that cost nothing."""
    team, structure, costs = scenario.team, scenario.structure, scenario.costs
    cycle = _MIN_CALLS_PER_EXPERIMENT * costs.think + costs.write + costs.pilot + costs.full + costs.share
    experiments = scenario.budget.hours / cycle
    thoughts = (
        scenario.budget.hours / (costs.think + costs.read) if at_high_end else _MIN_CALLS_PER_EXPERIMENT * experiments
    )
    brief = [tool.spec.to_json() for tool in tools_for(scenario).values()]
    prompt_bytes = len((system_prompt_for("r1", scenario, None) + json.dumps(brief)).encode())
    for name in team.names:
        if (price := scenario.live.price(team.model_of(name))) is None or price.input or price.output:
            high = scenario.live.compact_at_for(team.model_of(name))
            yield _conversation(round(thoughts), prompt_bytes, guess, price, high, scenario.live.max_tokens)
    # As often as there are experiments to be talked about, more or less.
    calls_per_role = round(experiments * team.researchers * (2 if at_high_end else 0.5))
    asked = {
        team.reviewer: calls_per_role * (structure.review != "none"),
        team.librarian: calls_per_role * (structure.sharing == "query"),
        team.overseer: scenario.rounds * (structure.oversight != "none"),
        team.model_of("planner"): (3 if at_high_end else 1) * structure.planned,
    }
    for name, calls in asked.items():
        if (price := scenario.live.price(name)) is None or price.input or price.output:
            yield _single_calls(calls, guess, price)


def _conversation(
    calls: int, prompt_bytes: int, guess: _Guess, price: Price | None, compact_at: int | None, max_tokens: int
) -> UsageEstimate:
    """Return what a conversation takes that begins with so many bytes and grows from call to call."""
    reply_tokens, total, before = min(guess.reply_tokens, max_tokens), UsageEstimate(), 0
    size = round(prompt_bytes / guess.bytes_per_token)
    for _ in range(calls):
        usage = Usage(size, reply_tokens, cache_read_tokens=before, cache_written_tokens=size - before)
        total += UsageEstimate(1, size, reply_tokens, None if price is None else price.cost_usd(usage))
        before, size = size, size + reply_tokens + guess.result_tokens
        if compact_at is not None and size > compact_at:
            before, size = 0, size // 2
    return total


def _single_calls(calls: int, guess: _Guess, price: Price | None) -> UsageEstimate:
    """Return what questions take that are asked each by itself."""
    usage = Usage(guess.single_prompt_tokens, guess.reply_tokens)
    usd = None if price is None else price.cost_usd(usage) * calls
    return UsageEstimate(calls, guess.single_prompt_tokens * calls, guess.reply_tokens * calls, usd)
