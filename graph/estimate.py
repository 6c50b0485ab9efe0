"""What a run will take of its base models, before it begins: a range, from what the scenario says and a few guesses.

The guesses are about how models work, and deliberately wide: how much they say in an answer, and how much comes back
from their tools. Everything else is in the scenario: hours, what steps cost, prompts and tools, prices.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from aarlab.agents.models.pricing import Price
from aarlab.graph.briefing import prompt_for, tools_for
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Usage

_THOUGHTS = 4
"""Of a researcher that does the least thinking: to write a method, to try it, to run it in full, to post what came."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """One end of the range."""

    bytes_per_token: float
    said: int
    """Tokens of an answer, thinking included."""
    heard: int
    """Tokens of what comes back: results of tools, news."""
    asked_once: int
    """Tokens of a question to somebody who is asked anew each time."""


_LOW = _Guess(bytes_per_token=4.5, said=150, heard=200, asked_once=2_000)
_HIGH = _Guess(bytes_per_token=3.0, said=1_500, heard=1_500, asked_once=8_000)


@dataclass(frozen=True, slots=True)
class Takes:
    """What calls take, at one end of the range."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    """If what was said before is read from the provider's cache; None: a price is not known."""

    def __add__(self, other: "Takes") -> "Takes":
        known = self.usd is not None and other.usd is not None
        return Takes(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            (self.usd or 0.0) + (other.usd or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the base models of a run will take that cost something, or may."""

    least: Takes
    most: Takes
    unpriced: tuple[str, ...]
    """Base models whose price is not known."""

    @property
    def is_free(self) -> bool:
        """Whether nobody thinks with a base model that costs anything."""
        return not self.unpriced and self.most.usd == 0


def estimate(scenario: Scenario) -> Estimate:
    """Return what a run will take, if no limit but its research hours ends it."""
    unpriced = tuple(name for name in scenario.models_used if scenario.live.price(name) is None)
    least = sum(_all(scenario, _LOW, high=False), Takes())
    return Estimate(least, sum(_all(scenario, _HIGH, high=True), Takes()), unpriced)


def _all(scenario: Scenario, guess: _Guess, *, high: bool) -> Iterator[Takes]:
    """Yield what each agent takes, those left out that cost nothing."""
    team, structure, costs = scenario.team, scenario.structure, scenario.costs
    cycle = _THOUGHTS * costs.think + costs.write + costs.pilot + costs.full + costs.share
    experiments = scenario.budget.hours / cycle
    thoughts = scenario.budget.hours / (costs.think + costs.read) if high else _THOUGHTS * experiments
    brief = [tool.spec.to_json() for tool in tools_for(scenario).values()]
    written = len((prompt_for("r1", scenario, None) + json.dumps(brief)).encode())
    for name in team.names:
        if (price := scenario.live.price(team.model_of(name))) is None or price.input or price.output:
            most = scenario.live.compacts_at(team.model_of(name))
            yield _conversation(round(thoughts), written, guess, price, most, scenario.live.max_tokens)
    # As often as there are experiments to be talked about, more or less.
    often = round(experiments * team.researchers * (2 if high else 0.5))
    asked = {
        team.reviewer: often * (structure.review != "none"),
        team.librarian: often * (structure.sharing == "query"),
        team.overseer: scenario.rounds * (structure.oversight != "none"),
        team.model_of("planner"): (3 if high else 1) * structure.planned,
    }
    for name, calls in asked.items():
        if (price := scenario.live.price(name)) is None or price.input or price.output:
            yield _questions(calls, guess, price)


def _conversation(
    calls: int, written: int, guess: _Guess, price: Price | None, longest: int | None, max_tokens: int
) -> Takes:
    """Return what a conversation takes that begins with so many bytes and grows from call to call."""
    said, total, before = min(guess.said, max_tokens), Takes(), 0
    size = round(written / guess.bytes_per_token)
    for _ in range(calls):
        usage = Usage(size, said, cache_read_tokens=before, cache_written_tokens=size - before)
        total += Takes(1, size, said, None if price is None else price.cost_usd(usage))
        before, size = size, size + said + guess.heard
        if longest is not None and size > longest:
            before, size = 0, size // 2
    return total


def _questions(calls: int, guess: _Guess, price: Price | None) -> Takes:
    """Return what questions take that are asked each by itself."""
    usage = Usage(guess.asked_once, guess.said)
    usd = None if price is None else price.cost_usd(usage) * calls
    return Takes(calls, guess.asked_once * calls, guess.said * calls, usd)
