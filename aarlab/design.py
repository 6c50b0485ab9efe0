"""What a design can show: from the spread that runs have or, where there are none yet, from an assumed one."""

from collections.abc import Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from aarlab.ablation.plan import Ablation
from aarlab.ablation.records import Results
from aarlab.config.faults import ConfigError, Fault
from aarlab.report.analysis import comparisons
from aarlab.report.arms import arms_of
from aarlab.statistics import SPREAD_OF_RUNS, compare, seeds_needed, smallest_difference, spread_interval

_KNOWN = "heldout.pgr"
"""The measure whose spread is known before anything is run."""


@dataclass(frozen=True, slots=True)
class Design:
    """One comparison, and what it takes."""

    arm: str
    against: str
    seeds: int
    """Runs of each arm that there are or, if there are none yet, that are planned."""
    paired: bool
    spread: float
    """Standard deviation of the difference between a run of each."""
    seen: bool
    """Whether the spread was seen in runs; otherwise it is assumed."""
    smallest: float | None
    """Smallest difference that `seeds` show with a chance of 0.8, two-sided 5 %; None for a single seed."""
    needed: int
    """Seeds that it takes to see the difference asked for."""
    needed_range: tuple[int, int] | None
    """The same for the ends of the spread's 90 % interval, as it is an estimate itself; None if it is assumed."""


def from_results(results: Results, difference: float) -> tuple[str, list[Design]]:
    """Return the primary measure, and for each planned comparison what it takes to see a difference other than 0.

    Raises:
        ConfigError: No two arms that are compared have two runs each.
    """
    measure, arms = results.ablation.measures[0], arms_of(results)
    values = {arm.name: arm.values(measure) for arm in arms}
    pairs = [(a, b) for a, b in comparisons(results, arms) if values.get(a) and values.get(b)]
    designs = []
    for arm, against in pairs:
        with threadpool_limits(1):  # Sums in a fixed order: the same bits on any number of cores.
            apart = compare(arm, values[arm], against, values[against])
        if apart.spread:
            designs.append(_seen(arm, against, apart.n, apart.spread, difference, paired=apart.paired))
    if not designs:
        found = f"no two arms to compare with two runs each that have {measure}"
        raise ConfigError([Fault(str(results.folder or "these runs"), None, found, "more runs, or an ablation file")])
    return measure, designs


def from_file(ablation: Ablation, seeds: int, arms: Sequence[str], difference: float) -> tuple[str, list[Design]]:
    """Return the primary measure, and what it takes to see a difference between any two arms of which none has run.

    Pairing is not counted on: what it gains is only known afterwards.

    Raises:
        ConfigError: The primary measure is one whose spread is not known beforehand.
    """
    measure = ablation.measures[0]
    if measure != _KNOWN:
        found = f"the primary measure {measure}, whose spread nobody knows before there are runs"
        raise ConfigError(
            [Fault(ablation.name, "measures", found, f"{_KNOWN}, or the folder of an ablation with runs")]
        )
    spread = SPREAD_OF_RUNS * 2**0.5
    smallest = smallest_difference(seeds, spread, paired=False) if seeds > 1 else None
    needed = seeds_needed(difference, spread, paired=False)
    arm, against = (arms[1], arms[0]) if len(arms) == 2 else ("any arm", "another")
    return measure, [Design(arm, against, seeds, False, spread, False, smallest, needed, None)]


def _seen(arm: str, against: str, n: int, spread: float, difference: float, *, paired: bool) -> Design:
    low, high = spread_interval(spread, n - 1 if paired else 2 * (n - 1))
    needed, least, most = (seeds_needed(difference, at, paired=paired) for at in (spread, low, high))
    smallest = smallest_difference(n, spread, paired=paired)
    return Design(arm, against, n, paired, spread, True, smallest, needed, (least, most))
