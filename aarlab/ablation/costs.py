"""What the runs of an ablation cost: foreseen before there are any, and then as those did that are done."""

import statistics
from collections.abc import Iterable, Sequence

from aarlab.ablation.plan import Arm, PlannedRun
from aarlab.graph.scenario import Scenario
from aarlab.memory.messages import Usage

Dollars = tuple[float, float]
"""The least and the most that something is likely to cost, in US dollars."""

# Measured on simulated researchers under the presets and single dials, ten or twenty runs of each: calls in an hour of
# research 1.5 to 2.6, in fixed stages 3.1; instructions and tools 20 kB; a call makes the conversation 0.6 to 2.7 kB
# longer. That live models write some 1,000 tokens a call, thinking included, is assumed. Four bytes are a token.
_CALLS = 2.0
_CALLS_STAGED = 3.0
_HEAD = 6000
_NEW = 600
_WRITTEN = 1000
_ASIDE = {"reviewer": 0.8, "librarian": 0.4, "overseer": 0.1}
"""Calls of the other roles in an hour of the team's research, each a conversation of its own."""
_ASIDE_READ, _ASIDE_WRITTEN = 1500, 500


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
    """Return what a run is likely to cost, if live models ask as often and read as much as simulated researchers do.

    Between a provider that has every beginning of a conversation in its cache, and one that has none. None where a
    price is not known. Nobody can know it better before a run is done: take it for an order of magnitude.
    """
    team, structure, hours = scenario.team, scenario.structure, scenario.budget.hours
    calls = max(1, round(hours * (_CALLS_STAGED if structure.workflow == "staged" else _CALLS)))
    spent = [_talk(scenario, team.model_of(name), calls) for name in team.names]
    there = {
        "reviewer": structure.review != "none",
        "librarian": structure.sharing == "query",
        "overseer": structure.oversight != "none",
    }
    for role, often in _ASIDE.items():
        if there[role]:
            spent.append(_asides(scenario, getattr(team, role), often * hours * team.researchers))
    if structure.planned:
        spent.append(_talk(scenario, team.model_of("planner"), 1))
    known = [cost for cost in spent if cost is not None]
    if len(known) < len(spent):
        return None
    least, most = (sum(cost[end] for cost in known) for end in (0, 1))
    limit = scenario.budget.usd
    return (least, most) if limit is None else (min(least, limit), min(most, limit))


def _talk(scenario: Scenario, model: str, calls: int) -> Dollars | None:
    """Return what a conversation costs that grows with every call."""
    price = scenario.live.price(model)
    if price is None:
        return None
    grows = _NEW + _WRITTEN
    least = most = 0.0
    for call in range(calls):
        read = _HEAD + call * grows
        kept = 0 if call == 0 else read - grows
        cached = Usage(read, _WRITTEN, cache_read_tokens=kept, cache_written_tokens=read - kept)
        ends = sorted((price.cost_usd(cached), price.cost_usd(Usage(read, _WRITTEN))))
        least, most = least + ends[0], most + ends[1]
    return least, most


def _asides(scenario: Scenario, model: str, calls: float) -> Dollars | None:
    """Return what conversations of one question cost."""
    price = scenario.live.price(model)
    if price is None:
        return None
    cost = calls * price.cost_usd(Usage(_ASIDE_READ, _ASIDE_WRITTEN))
    return cost, cost


def range_text(cost: Dollars) -> str:
    """Return a range of dollars in words."""
    least, most = (f"${end:,.2f}" if end < 100 else f"${end:,.0f}" for end in cost)
    return least if least == most else f"{least} to {most}"
