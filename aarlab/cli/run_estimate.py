"""What a run will take, in words, before it begins: what it will about cost, and what ends it early."""

from dataclasses import asdict
from typing import Any

from aarlab.graph.run.cost_estimate import CostEstimate, UsageEstimate, estimate_cost
from aarlab.graph.scenario import Scenario


def estimate_json(scenario: Scenario) -> dict[str, Any]:
    """Return what `aarlab run --dry-run --json` prints."""
    expected = estimate_cost(scenario)
    models = [scenario.live.model(name) for name in scenario.models_used]
    return {
        "status": "planned",
        "scenario": scenario.model_dump(mode="json"),
        "rounds": scenario.rounds,
        "models": [
            {"name": model.name, "address": model.address, "missing": model.missing_requirement()} for model in models
        ],
        "estimate": {"low": asdict(expected.low), "high": asdict(expected.high), "unpriced": expected.unpriced},
        "limits": {f"budget.{name}": value for name, value in scenario.budget.limits.items()},
    }


def estimate_text(scenario: Scenario) -> str:
    """Return what a run will about cost, and what ends it early, in a few lines."""
    expected = estimate_cost(scenario)
    if expected.is_free:
        return "This run costs nothing: nobody in it thinks with a base model that has a price."
    return f"{_cost(expected)}\n{_ending(scenario, expected)}"


def _cost(expected: CostEstimate) -> str:
    low, high = expected.low, expected.high
    work = (
        f"about {low.calls:,} to {high.calls:,} calls, {_tokens(low, high, 'input_tokens')} read and "
        f"{_tokens(low, high, 'output_tokens')} written"
    )
    if low.usd is None or high.usd is None:
        names = ", ".join(expected.unpriced)
        return f"What this run will cost is not known, for there is no price for {names} (live.prices): {work}."
    cached = "if what was said before is read from the provider's cache"
    return f"This run will cost about {_dollars(low.usd)} to {_dollars(high.usd)}, {cached}: {work}."


def _ending(scenario: Scenario, expected: CostEstimate) -> str:
    limits = [_limit(name, value) for name, value in scenario.budget.limits.items()]
    if limits:
        return f"It is stopped, and scored, at {' or '.join(limits)}."
    hours, example = scenario.budget.hours, "tokens=5000000" if expected.unpriced else "usd=20"
    return f"Nothing stops it before its {hours:g} research hours are over: --set budget.{example} does."


def _limit(name: str, value: float) -> str:
    unit, _, each = name.partition("_")
    amount = f"${value:g}" if unit == "usd" else f"{value:,} {unit}"
    return f"{amount}{' of one agent' if each else ''} (budget.{name})"


def _tokens(low: UsageEstimate, high: UsageEstimate, kind: str) -> str:
    low_millions, high_millions = (getattr(end, kind) / 1e6 for end in (low, high))
    return f"{_millions(low_millions)} to {_millions(high_millions)} million tokens"


def _millions(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def _dollars(usd: float) -> str:
    return f"${usd:.2f}" if usd < 10 else f"${usd:,.0f}"
