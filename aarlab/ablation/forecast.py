"""Forecast of the time and the cost of the remaining runs."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aarlab.ablation.ablation_plan import PlannedArm, PlannedRun
from aarlab.graph.run.cost_estimate import estimate_cost
from aarlab.graph.scenario import Scenario

DollarRange = tuple[float, float]
"""Lower and upper end of an estimated cost in US dollars."""
Work = Sequence[tuple[str, float]]
"""Arm of each remaining run, and the remaining share of the run, in [0, 1]."""


class Forecast:
    """Means over the finished runs of each arm. Without finished runs, the cost is estimated from the scenario."""

    def __init__(self, arms: Iterable[PlannedArm]) -> None:
        self._estimates = {arm.name: estimated_cost(arm.scenario) for arm in arms}
        self._costs: dict[str, list[float]] = {}
        self._seconds: dict[str, list[float]] = {}

    @property
    def costs_money(self) -> bool:
        """Whether the cost of the runs is not zero or is unknown."""
        return any(cost != (0.0, 0.0) for cost in self._estimates.values())

    def observe(self, arm: str, summary: Mapping[str, Any]) -> None:
        """Add a finished run, given its summary."""
        self._seconds.setdefault(arm, []).append(float(summary["wall_clock_s"]))
        if summary.get("cost_usd") is not None:
            self._costs.setdefault(arm, []).append(summary["cost_usd"])

    def run_cost(self, arm: str) -> DollarRange | None:
        """Return the cost of a run of an arm; None if it is unknown."""
        if arm in self._costs:
            mean = statistics.fmean(self._costs[arm])
            return mean, mean
        return self._estimates[arm]

    def run_seconds(self, arm: str) -> float | None:
        """Return the wall-clock seconds of a run: the mean of its arm, else of all arms; None without finished runs."""
        if arm in self._seconds:
            return statistics.fmean(self._seconds[arm])
        means = [statistics.fmean(seconds) for seconds in self._seconds.values()]
        return statistics.fmean(means) if means else None

    def cost(self, work: Work) -> DollarRange | None:
        """Return the cost of the remaining work; None if it is unknown."""
        low = high = 0.0
        for arm, share in work:
            cost = self.run_cost(arm)
            if cost is None:
                return None
            low, high = low + share * cost[0], high + share * cost[1]
        return low, high

    def seconds(self, work: Work, jobs: int) -> float | None:
        """Return the wall-clock seconds of the remaining work with `jobs` parallel runs; None if unknown."""
        parts = [(self.run_seconds(arm), share) for arm, share in work]
        known = [seconds * share for seconds, share in parts if seconds is not None]
        return sum(known) / jobs if len(known) == len(parts) else None


def whole_runs(runs: Iterable[PlannedRun]) -> Work:
    """Return runs that have not started as remaining work."""
    return [(run.arm, 1.0) for run in runs]


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
