"""How fast a team got where it got: best development PGR over research time.

Development scores are what researchers steer by: means over the few worlds of a full experiment, as they were told. The
best of many noisy scores is too good to be true, the more so the more there are (winner's curse), so these curves
compare how teams climb; what they reached is for held-out worlds to say.
"""

import math
from dataclasses import dataclass

from aarlab.memory.events import Experiment
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class DevelopmentPgr:
    """Best development PGR of a team at points of its budget. None: nothing had been scored in full by then."""

    quarter: float | None
    """When a quarter of the budget of research hours was used."""
    half: float | None
    whole: float | None
    """At the end."""
    mean: float
    """Area under the curve over the budget, divided by the budget: the mean over time of the best so far. Until
    something beats it, the weak teacher stands with a PGR of 0.
    """


def frontier(file: RunReader) -> list[tuple[float, float]]:
    """Return the best development PGR so far over cumulative team hours: one pair for each improvement, in order.

    Researchers work side by side, so the team has used as many hours as one researcher times the size of the team.
    Only full experiments count.
    """
    team = len(file.researchers())
    return [(round(team * hours, 6), pgr) for hours, pgr in _improvements(file)]


def development_pgr(file: RunReader) -> DevelopmentPgr:
    """Return the best development PGR at a quarter, half and all of the budget, and its mean over the budget.

    The budget is what the scenario gives each researcher (`budget.hours`), also where a run was stopped before its end.
    Only full experiments count, from the hour at which they were done.
    """
    budget = float(file.info().scenario["budget"]["hours"])
    steps = _improvements(file)
    above = [(hours, pgr) for hours, pgr in steps if pgr > 0 and hours < budget]
    ends = [*(hours for hours, _ in above[1:]), budget]
    area = math.fsum(pgr * (end - hours) for (hours, pgr), end in zip(above, ends, strict=True)) if above else 0.0
    return DevelopmentPgr(_at(steps, budget / 4), _at(steps, budget / 2), _at(steps, math.inf), area / budget)


def _improvements(file: RunReader) -> list[tuple[float, float]]:
    """Return research hour and PGR of each full experiment that was better than all before."""
    scored = sorted(
        (entry.hours, -entry.event.pgr)
        for entry in file.by_research_hours(Experiment)
        if entry.event.fidelity == "full" and entry.event.pgr is not None
    )
    steps: list[tuple[float, float]] = []
    for hours, negated in scored:
        if not steps or -negated > steps[-1][1]:
            steps.append((hours, -negated))
    return steps


def _at(steps: list[tuple[float, float]], hour: float) -> float | None:
    return max((pgr for hours, pgr in steps if hours <= hour + 1e-9), default=None)
