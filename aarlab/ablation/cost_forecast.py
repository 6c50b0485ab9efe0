"""What the runs of an ablation cost: foreseen before there are any, and then as those did that are done."""

import statistics
from collections.abc import Iterable, Sequence

from aarlab.ablation.ablation_plan import PlannedArm, PlannedRun
from aarlab.graph.run.cost_estimate import estimate_cost
from aarlab.graph.scenario import Scenario

DollarRange = tuple[float, float]
"""The least and the most that something is likely to cost, in US dollars."""


class CostForecast:
    """Learns what the runs of each arm cost."""

    def __init__(self, arms: Sequence[PlannedArm]) -> None:
        self._forecast = {arm.name: forecast_cost(arm.scenario) for arm in arms}
        self._observed: dict[str, list[float]] = {}

    @property
    def any(self) -> bool:
        """Whether the runs are expected to cost anything, or nobody knows."""
        return any(cost != (0.0, 0.0) for cost in self._forecast.values())

    def observe(self, arm: str, cost_usd: float | None) -> None:
        """Take in what a run cost; None: that is not known."""
        if cost_usd is not None:
            self._observed.setdefault(arm, []).append(cost_usd)

    def per_run(self, arm: str) -> DollarRange | None:
        """Return what a run of this arm costs, by those that are done or else as foreseen; None: not known."""
        if arm in self._observed:
            mean = statistics.fmean(self._observed[arm])
            return mean, mean
        return self._forecast[arm]

    def remaining(
        self, waiting: Iterable[PlannedRun], remaining_shares: Iterable[tuple[str, float]] = ()
    ) -> DollarRange | None:
        """Return what is still going to be spent; None where that is not known.

        Args:
            waiting: Runs that have not begun.
            shares_left: Arm of each run that is at work, and the share of it that is left.
        """
        low = high = 0.0
        for arm, share in [*((run.arm, 1.0) for run in waiting), *remaining_shares]:
            cost = self.per_run(arm)
            if cost is None:
                return None
            low, high = low + share * cost[0], high + share * cost[1]
        return low, high


def forecast_cost(scenario: Scenario) -> DollarRange | None:
    """Return what a run is likely to cost, as `aarlab.graph.estimate_cost` reckons it; None where a price is not known."""
    expected = estimate_cost(scenario)
    low, high, limit = expected.low.usd, expected.high.usd, scenario.budget.usd
    if low is None or high is None:
        return None
    return (low, high) if limit is None else (min(low, limit), min(high, limit))


def range_text(cost: DollarRange) -> str:
    """Return a range of dollars in words."""
    low, high = (f"${end:,.2f}" if end < 100 else f"${end:,.0f}" for end in cost)
    return low if low == high else f"{low} to {high}"
