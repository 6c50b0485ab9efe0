"""What the runs of an ablation cost: foreseen before there are any, and then as those did that are done."""

import statistics
from collections.abc import Iterable, Sequence

from aarlab.ablation.plan import Arm, PlannedRun
from aarlab.graph.estimate import estimate
from aarlab.graph.scenario import Scenario

Dollars = tuple[float, float]
"""The least and the most that something is likely to cost, in US dollars."""


class Costs:
    """Learns what the runs of each arm cost."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self._foreseen = {arm.name: foreseen(arm.scenario) for arm in arms}
        self._seen: dict[str, list[float]] = {}

    @property
    def any(self) -> bool:
        """Whether the runs are expected to cost anything, or nobody knows."""
        return any(cost != (0.0, 0.0) for cost in self._foreseen.values())

    def learn(self, arm: str, cost_usd: float | None) -> None:
        """Take in what a run cost; None: that is not known."""
        if cost_usd is not None:
            self._seen.setdefault(arm, []).append(cost_usd)

    def of(self, arm: str) -> Dollars | None:
        """Return what a run of this arm costs, by those that are done or else as foreseen; None: not known."""
        if arm in self._seen:
            mean = statistics.fmean(self._seen[arm])
            return mean, mean
        return self._foreseen[arm]

    def left(self, waiting: Iterable[PlannedRun], shares_left: Iterable[tuple[str, float]] = ()) -> Dollars | None:
        """Return what is still going to be spent; None where that is not known.

        Args:
            waiting: Runs that have not begun.
            shares_left: Arm of each run that is at work, and the share of it that is left.
        """
        least = most = 0.0
        for arm, share in [*((run.arm, 1.0) for run in waiting), *shares_left]:
            cost = self.of(arm)
            if cost is None:
                return None
            least, most = least + share * cost[0], most + share * cost[1]
        return least, most


def foreseen(scenario: Scenario) -> Dollars | None:
    """Return what a run is likely to cost, as `aarlab.graph.estimate` reckons it; None where a price is not known."""
    expected = estimate(scenario)
    least, most, limit = expected.least.usd, expected.most.usd, scenario.budget.usd
    if least is None or most is None:
        return None
    return (least, most) if limit is None else (min(least, limit), min(most, limit))


def range_text(cost: Dollars) -> str:
    """Return a range of dollars in words."""
    least, most = (f"${end:,.2f}" if end < 100 else f"${end:,.0f}" for end in cost)
    return least if least == most else f"{least} to {most}"
