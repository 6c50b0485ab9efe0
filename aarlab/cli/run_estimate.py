"""What to know before a run starts: its estimated cost, the limits that end it early, and reasons to distrust it."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

from aarlab.graph.run.cost_estimate import CostEstimate, UsageEstimate, estimate_cost
from aarlab.graph.scenario import Scenario

_PER_AGENT = "_per_agent"


def estimate_json(scenario: Scenario) -> dict[str, Any]:
    """Return what `aarlab run --dry-run --json` prints."""
    estimate = estimate_cost(scenario)
    models = [scenario.live.model(name) for name in scenario.models_used]
    return {
        "status": "planned",
        "scenario": scenario.model_dump(mode="json"),
        "rounds": scenario.rounds,
        "models": [
            {"name": model.name, "address": model.address, "missing": model.missing_requirement()} for model in models
        ],
        "estimate": {"low": asdict(estimate.low), "high": asdict(estimate.high), "unpriced": estimate.unpriced},
        "limits": {f"budget.{name}": value for name, value in scenario.budget.limits.items()},
    }


def warnings_before(scenarios: Collection[Scenario]) -> list[str]:
    """Return what makes the results of these scenarios void or doubtful, each once."""
    return [note for note in (_labels_note(scenarios), _hours_note(scenarios)) if note is not None]


def _hours_note(scenarios: Iterable[Scenario]) -> str | None:
    """Return a warning if no researcher has the hours to write a method, run it in full and post the result."""
    for scenario in scenarios:
        costs, hours = scenario.costs, scenario.budget.hours
        needed = 2 * costs.think + costs.write + costs.full + costs.share
        if hours < needed - 1e-9:
            takes = f"to write a method, run it in full and post the result takes {needed:g} hours"
            return f"no researcher can have a result: budget.hours is {hours:g}, and {takes}"
    return None


def _labels_note(scenarios: Iterable[Scenario]) -> str | None:
    """Return a warning if a live model writes methods for worlds whose labels follow from public code; else None."""
    for scenario in scenarios:
        if scenario.scoring.secret == "":
            live = (name for name in scenario.team.names if scenario.live.model(scenario.team.model_of(name)).live)
            if (name := next(live, None)) is not None:
                problem = (
                    f"scoring.secret is empty, so a method of {scenario.team.model_of(name)} could compute the labels"
                )
                return f"{problem} from public code. To prevent this: --set scoring.secret=laboratory (docs/tasks.md)"
    return None


def estimate_text(scenario: Scenario) -> str:
    """Return the estimated cost of a run and its limits as text of one or two lines."""
    estimate = estimate_cost(scenario)
    if estimate.is_free:
        return "Estimated cost: none. No base model of this run has a price."
    return f"{_cost(estimate)}\n{_limits_text(scenario, estimate)}"


def _cost(estimate: CostEstimate) -> str:
    low, high = estimate.low, estimate.high
    usage = (
        f"{low.calls:,} to {high.calls:,} calls, {_tokens(low, high, 'input_tokens')} input tokens, "
        f"{_tokens(low, high, 'output_tokens')} output tokens"
    )
    if outside := [name for name in estimate.unpriced if name.startswith("agent/")]:
        return f"Estimated cost: unknown, as {', '.join(outside)} calls a model of its own, which is not estimated."
    if low.usd is None or high.usd is None:
        names = ", ".join(estimate.unpriced)
        return f"Estimated cost: unknown, as {names} has no price (set live.prices). Estimated usage: {usage}."
    return f"Estimated cost: {_dollars(low.usd)} to {_dollars(high.usd)} with prompt caching ({usage})."


def _limits_text(scenario: Scenario, estimate: CostEstimate) -> str:
    limits = [_limit(name, value) for name, value in scenario.budget.limits.items()]
    if limits:
        return f"Limits: the run is stopped and scored at {' or '.join(limits)}."
    outside = any(name.startswith("agent/") for name in estimate.unpriced)
    example = "calls=1000" if outside else "tokens=5000000" if estimate.unpriced else "usd=20"
    return f"Limits: none besides the {scenario.budget.hours:g} research hours. Set one with --set budget.{example}."


def _limit(name: str, value: float) -> str:
    unit = name.removesuffix(_PER_AGENT)
    amount = f"${value:g}" if unit == "usd" else f"{value:,} {unit}"
    return f"{amount}{' of one agent' if name != unit else ''} (budget.{name})"


def _tokens(low: UsageEstimate, high: UsageEstimate, kind: str) -> str:
    low_millions, high_millions = (getattr(end, kind) / 1e6 for end in (low, high))
    return f"{_millions(low_millions)} to {_millions(high_millions)} million"


def _millions(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def _dollars(usd: float) -> str:
    return f"${usd:.2f}" if usd < 10 else f"${usd:,.0f}"
