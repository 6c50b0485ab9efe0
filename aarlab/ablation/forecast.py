"""Forecast of the time and the cost of the remaining runs."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aarlab.ablation.ablation_plan import PlannedRun
from aarlab.graph.run.cost_estimate import estimate_cost
from aarlab.graph.scenario import Scenario

DollarRange = tuple[float, float]
"""Lower and upper end of an estimated cost in US dollars."""
Group = tuple[str, str, str]
"""Arm, task and setting of similar runs."""
Work = Sequence[tuple[PlannedRun, float]]
"""The remaining runs, and the remaining share of each, in [0, 1]."""


class Forecast:
    """Means over the finished runs of each arm, task and setting.

    Without finished runs, the cost is estimated from the scenario.
    """

    def __init__(self, runs: Iterable[PlannedRun]) -> None:
        scenarios = {_group(run): run.scenario for run in runs}
        self._estimates = {group: estimated_cost(scenario) for group, scenario in scenarios.items()}
        self._costs: dict[Group, list[float]] = {}
        self._seconds: dict[Group, list[float]] = {}

    @property
    def costs_money(self) -> bool:
        """Whether the cost of the runs is not zero or is unknown."""
        return any(cost != (0.0, 0.0) for cost in self._estimates.values())

    def observe(self, run: PlannedRun, summary: Mapping[str, Any]) -> None:
        """Add a finished run, given its summary."""
        self._seconds.setdefault(_group(run), []).append(float(summary["wall_clock_s"]))
        if summary.get("cost_usd") is not None:
            self._costs.setdefault(_group(run), []).append(summary["cost_usd"])

    def run_cost(self, run: PlannedRun) -> DollarRange | None:
        """Return the cost of a run; None if it is unknown."""
        if costs := self._costs.get(_group(run)):
            mean = statistics.fmean(costs)
            return mean, mean
        return self._estimates[_group(run)]

    def run_seconds(self, run: PlannedRun) -> float | None:
        """Return the wall-clock seconds of a run; None without finished runs.

        It is the mean over the runs of its arm, task and setting; without such runs over those of its arm, else over
        all runs, each group with the same weight.
        """
        group = _group(run)
        if seconds := self._seconds.get(group):
            return statistics.fmean(seconds)
        means = {other: statistics.fmean(seconds) for other, seconds in self._seconds.items()}
        similar = [mean for other, mean in means.items() if other[0] == group[0]] or list(means.values())
        return statistics.fmean(similar) if similar else None

    def cost(self, work: Work) -> DollarRange | None:
        """Return the cost of the remaining work; None if it is unknown."""
        low = high = 0.0
        for run, share in work:
            cost = self.run_cost(run)
            if cost is None:
                return None
            low, high = low + share * cost[0], high + share * cost[1]
        return low, high

    def seconds(self, work: Work, jobs: int) -> float | None:
        """Return the wall-clock seconds of the remaining work with `jobs` parallel runs; None if unknown."""
        parts = [(self.run_seconds(run), share) for run, share in work]
        known = [seconds * share for seconds, share in parts if seconds is not None]
        return sum(known) / jobs if len(known) == len(parts) else None


def whole_runs(runs: Iterable[PlannedRun]) -> Work:
    """Return runs that have not started as remaining work."""
    return [(run, 1.0) for run in runs]


def _group(run: PlannedRun) -> Group:
    return run.arm, run.task, run.setting


def estimated_cost(scenario: Scenario) -> DollarRange | None:
    """Return the cost of a run by `estimate_cost`, at most its `budget.usd`; None if a price is unknown."""
    expected = estimate_cost(scenario)
    low, high, limit = expected.low.usd, expected.high.usd, scenario.budget.usd
    if low is None or high is None:
        return None
    return (low, high) if limit is None else (min(low, limit), min(high, limit))


def range_text(cost: DollarRange) -> str:
    """Return a range of dollars as text."""
    low, high = (f"${end:,.2f}" if end < 100 else f"${end:,.0f}" for end in cost)
    return low if low == high else f"{low} to {high}"


def time_text(seconds: float) -> str:
    """Return a duration as text."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
