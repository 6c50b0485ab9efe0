"""Progress: best development PGR over research time.

Development scores are the scores that researchers see: means over the few worlds of a full experiment. The best of many
noisy scores is biased upwards (winner's curse). Use these curves to compare the speed of progress, and held-out scores
to compare final results.
"""

import math
from dataclasses import dataclass

from aarlab.memory.events import Experiment, Flagged, RoundStarted
from aarlab.memory.run_reader import RunReader


def hours_at_round_ends(file: RunReader) -> dict[int, float]:
    """Return the research hours of the whole team at the end of each round; 0 at the end of round 0, the setup."""
    team = file.team_size()
    return {0: 0.0} | {entry.round: team * entry.event.end_hours for entry in file.entries(RoundStarted)}


@dataclass(frozen=True, slots=True)
class DevelopmentPgr:
    """Best development PGR of a team at points of its budget; None if no full experiment had been scored by then."""

    quarter: float | None
    """At a quarter of the budget of research hours."""
    half: float | None
    """At half of the budget."""
    whole: float | None
    """At the end."""
    mean: float
    """Mean over the budget of the best PGR so far, which starts at 0, the PGR of the weak teacher."""


@dataclass(frozen=True, slots=True)
class MeanResearcherPgr:
    """Best development PGR of each researcher, averaged over the team, at points of the budget.

    It counts 0, the PGR of the weak teacher, for a researcher without a scored full experiment.
    """

    quarter: float
    """At a quarter of the budget of research hours."""
    half: float
    """At half of the budget."""
    whole: float
    """At the end."""


def mean_researcher_pgr(file: RunReader) -> MeanResearcherPgr:
    """Return the mean over researchers of the best development PGR of their own full experiments so far.

    The best of the team is a different question: when all copy the best method at once, the mean rises first. A
    researcher and those that later took its place count as one.
    """
    budget = float(file.info().scenario["budget"]["hours"])
    places = file.places()
    steps: dict[str, list[tuple[float, float]]] = {place: [] for place in places.values()}
    disqualified = disqualified_experiments(file)
    for entry in file.entries(Experiment):
        event = entry.event
        if event.fidelity != "full" or event.pgr is None or event.id in disqualified or entry.stream not in places:
            continue
        steps[places[entry.stream]].append((entry.hours, event.pgr))

    def mean_at(hour: float) -> float:
        best = [_pgr_at(own_steps, hour) or 0.0 for own_steps in steps.values()]
        return math.fsum(best) / len(best) if best else 0.0

    return MeanResearcherPgr(mean_at(budget / 4), mean_at(budget / 2), mean_at(math.inf))


def frontier(file: RunReader) -> list[tuple[float, float]]:
    """Return pairs of team hours and best development PGR so far, one for each improvement, in order.

    Team hours are the hours of one researcher times the size of the team, because researchers work concurrently. Only
    full experiments count.
    """
    team = file.team_size()
    return [(round(team * hours, 6), pgr) for hours, pgr in _improvements(file)]


def development_pgr(file: RunReader) -> DevelopmentPgr:
    """Return the best development PGR at a quarter, half and all of the budget, and its mean over the budget.

    The budget is that of one researcher (`budget.hours`), even if the run was stopped early. Only full experiments
    count, from the hour at which they finished.
    """
    budget = float(file.info().scenario["budget"]["hours"])
    steps = _improvements(file)
    above = [(hours, pgr) for hours, pgr in steps if pgr > 0 and hours < budget]
    ends = [*(hours for hours, _ in above[1:]), budget]
    area = math.fsum(pgr * (end - hours) for (hours, pgr), end in zip(above, ends, strict=True)) if above else 0.0
    return DevelopmentPgr(
        _pgr_at(steps, budget / 4), _pgr_at(steps, budget / 2), _pgr_at(steps, math.inf), area / budget
    )


def disqualified_experiments(file: RunReader) -> set[str]:
    """Return the ids of the experiments whose results were disqualified."""
    flags = (entry.event for entry in file.entries(Flagged))
    return {key for flag in flags if flag.outcome == "disqualified" for key in flag.experiments}


def _improvements(file: RunReader) -> list[tuple[float, float]]:
    """Return research hour and PGR of each full experiment that was better than all before it."""
    disqualified = disqualified_experiments(file)
    researchers = set(file.researchers())
    scored = sorted(
        (entry.hours, -entry.event.pgr)
        for entry in file.entries(Experiment)
        if entry.stream in researchers
        and entry.event.fidelity == "full"
        and entry.event.pgr is not None
        and entry.event.id not in disqualified
    )
    steps: list[tuple[float, float]] = []
    for hours, negated in scored:
        if not steps or -negated > steps[-1][1]:
            steps.append((hours, -negated))
    return steps


def _pgr_at(steps: list[tuple[float, float]], hour: float) -> float | None:
    return max((pgr for hours, pgr in steps if hours <= hour + 1e-9), default=None)
