"""The arms of an ablation: what they are, what differs between them, and whether they had the same to spend."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.measures import measured
from aarlab.ablation.records import Record, Results
from aarlab.statistics import Estimate, estimate, mean

_NOT_THE_ARM = ("name", "seed")
"""Fields of a scenario that differ between the runs of an arm."""
HIDDEN = "scoring.secret"
"""What a report must not give away: with it anybody could compute the worlds, labels and all."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One setting, and its runs."""

    name: str
    records: tuple[Record, ...]
    """All that were planned, seeds ascending."""
    scenario: Mapping[str, Any]
    """Resolved, without name and seed; empty if no run file could be read."""
    differs: Mapping[str, Any]
    """Fields, by dotted path, that stand elsewhere than in the first arm."""

    @property
    def done(self) -> tuple[Record, ...]:
        """The runs that came to their end."""
        return tuple(record for record in self.records if record.status == "done")

    @property
    def models(self) -> tuple[str, ...]:
        """The base models that think in it: the researchers' first, then those of the other roles it has.

        Read from what the run file says, for its models need not be installed here.
        """
        team, structure = self.scenario.get("team", {}), self.scenario.get("structure", {})
        roles = {
            "model": True,
            "reviewer": structure.get("review", "none") != "none",
            "librarian": structure.get("sharing") == "query",
            "overseer": structure.get("oversight", "none") != "none",
        }
        named = [team[role] for role, there in roles.items() if there and role in team]
        return tuple(dict.fromkeys([*named[:1], *team.get("models", {}).values(), *named[1:]]))

    @property
    def budget_hours(self) -> float | None:
        """Research hours that the whole team of a run may use."""
        budget, team = self.scenario.get("budget", {}).get("hours"), self.scenario.get("team", {}).get("researchers")
        return None if budget is None or team is None else float(budget * team)

    def values(self, measure: str) -> dict[int, float]:
        """Return a measure by seed, of the runs that have it."""
        found = ((record.seed, measured(record.summary, measure)) for record in self.done)
        return {seed: value for seed, value in found if value is not None}


@dataclass(frozen=True, slots=True)
class Spent:
    """What the runs of an arm used."""

    arm: str
    runs: int
    budget_hours: float | None
    """Research hours that each team might use."""
    hours: Estimate
    """Research hours that each team used, its close included."""
    experiments: Estimate
    evaluations: Estimate
    cost_usd: float | None
    """Of all runs together; None as soon as the price of one call is not known."""
    wall_hours: float
    """Hours on the clock of all runs together."""


def arms_of(results: Results) -> tuple[Arm, ...]:
    """Return the arms in the order of the file."""
    grouped: dict[str, list[Record]] = {}
    for record in results.records:
        grouped.setdefault(record.arm, []).append(record)
    scenarios = {name: _scenario(records) for name, records in grouped.items()}
    first = next(iter(scenarios.values()), {})
    return tuple(
        Arm(name, tuple(records), scenarios[name], differences(scenarios[name], first))
        for name, records in grouped.items()
    )


def differences(scenario: Mapping[str, Any], against: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a scenario, by dotted path, that are not as in another. Dials stand for their preset."""
    here, there = flat(scenario), flat(against)
    if not here or not there:
        return {}
    apart = {
        path: here.get(path) for path in [*here, *(there.keys() - here.keys())] if here.get(path) != there.get(path)
    }
    if any(path.startswith("structure.") and path != "structure.preset" for path in apart):
        apart.pop("structure.preset", None)
    if HIDDEN in apart:
        apart[HIDDEN] = "(another)"
    return apart


def flat(scenario: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested fields by dotted path."""
    fields: dict[str, Any] = {}
    for name, value in scenario.items():
        if isinstance(value, Mapping) and value:
            fields |= flat(value, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = value
    return fields


def spent(arm: Arm) -> Spent | None:
    """Return what an arm used; None if none of its runs is done."""
    if not arm.done:
        return None
    summaries = [record.summary for record in arm.done]
    costs = [summary.get("cost_usd") for summary in summaries]
    return Spent(
        arm=arm.name,
        runs=len(summaries),
        budget_hours=arm.budget_hours,
        hours=_mean(summaries, "hours"),
        experiments=_mean(summaries, "experiments"),
        evaluations=_mean(summaries, "evaluations"),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        wall_hours=sum(measured(summary, "wall_s") or 0.0 for summary in summaries) / 3600,
    )


def compute_sentence(arms: Iterable[Arm]) -> str:
    """Return whether the arms had the same to spend, in a sentence."""
    budgets = {arm.name: arm.budget_hours for arm in arms if arm.budget_hours is not None}
    if not budgets:
        return "No run file could be read, so nothing is known about budgets."
    low, high = min(budgets.values()), max(budgets.values())
    if low == high:
        return f"Every run had the same budget: {low:g} research hours for the whole team."
    names = {bound: next(name for name, hours in budgets.items() if hours == bound) for bound in (low, high)}
    return (
        f"Budgets were not equal: from {low:g} research hours for the whole team in {names[low]} to {high:g} in "
        f"{names[high]}. Differences between such arms are those of budgets too."
    )


def _scenario(records: Iterable[Record]) -> dict[str, Any]:
    told = next((record.scenario for record in records if record.scenario), {})
    return {field: value for field, value in told.items() if field not in _NOT_THE_ARM}


def _mean(summaries: Iterable[Mapping[str, Any]], field: str) -> Estimate:
    return estimate(mean, [measured(summary, field) or 0.0 for summary in summaries])
