"""What a design can show: from the spread that runs have or, where there are none yet, from an assumed one."""

from collections.abc import Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.records import Results
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.type_descriptions import comma_separated
from aarlab.graph.run.measure_registry import MEASURES, find_measure
from aarlab.report.analysis import planned_pairs
from aarlab.report.arm_runs import arms_of
from aarlab.statistics import compare, detectable_difference, sd_interval, seeds_needed


@dataclass(frozen=True, slots=True)
class PowerEstimate:
    """One comparison, and what it takes."""

    arm: str
    against: str
    seeds: int
    """Runs of each arm that there are or, if there are none yet, that are planned."""
    paired: bool
    sd: float
    """Standard deviation of the difference between a run of each."""
    observed: bool
    """Whether the spread was seen in runs; otherwise it is assumed."""
    detectable_difference: float | None
    """Smallest difference that `seeds` show with a chance of 0.8, two-sided 5 %; None for a single seed."""
    required_seeds: int
    """Seeds that it takes to see the difference asked for."""
    required_seeds_range: tuple[int, int] | None
    """The same for the ends of the spread's 90 % interval, as it is an estimate itself; None if it is assumed."""


def power_from_results(results: Results, difference: float) -> tuple[str, list[PowerEstimate]]:
    """Return the primary measure, and for each planned comparison what it takes to see a difference other than 0.

    Raises:
        ConfigError: No two arms that are compared have two runs each.
    """
    measure, arms = results.ablation.measures[0], arms_of(results)
    values = {arm.name: arm.values(measure) for arm in arms}
    pairs = [(a, b) for a, b in planned_pairs(results, arms) if values.get(a) and values.get(b)]
    designs = []
    for arm, against in pairs:
        with threadpool_limits(1):  # Sums in a fixed order: the same bits on any number of cores.
            apart = compare(arm, values[arm], against, values[against])
        if apart.sd:
            designs.append(_power_from_spread(arm, against, apart.n, apart.sd, difference, paired=apart.paired))
    if not designs:
        found = f"no two arms to compare with two runs each that have {measure}"
        raise ConfigError([Fault(str(results.folder or "these runs"), None, found, "more runs, or an ablation file")])
    return measure, designs


def power_from_ablation(
    ablation: Ablation, seeds: int, arms: Sequence[str], difference: float
) -> tuple[str, list[PowerEstimate]]:
    """Return the primary measure, and what it takes to see a difference between any two arms of which none has run.

    Pairing is not counted on: what it gains is only known afterwards.

    Raises:
        ConfigError: The primary measure is one whose spread is not known beforehand.
    """
    measure = find_measure(ablation.measures[0])
    if measure is None or measure.typical_sd is None:
        found = f"the primary measure {ablation.measures[0]}, whose SD over seeds is unknown before there are runs"
        known = [path for path, each in MEASURES.items() if each.typical_sd is not None]
        allowed = f"{comma_separated(known)}, or the folder of an ablation with runs"
        raise ConfigError([Fault(ablation.name, "measures", found, allowed)])
    sd = measure.typical_sd * 2**0.5
    detectable = detectable_difference(seeds, sd, paired=False) if seeds > 1 else None
    required_seeds = seeds_needed(difference, sd, paired=False)
    arm, against = (arms[1], arms[0]) if len(arms) == 2 else ("any arm", "another")
    return measure.path, [PowerEstimate(arm, against, seeds, False, sd, False, detectable, required_seeds, None)]


def _power_from_spread(arm: str, against: str, n: int, sd: float, difference: float, *, paired: bool) -> PowerEstimate:
    low, high = sd_interval(sd, n - 1 if paired else 2 * (n - 1))
    required_seeds, low_seeds, high_seeds = (seeds_needed(difference, at, paired=paired) for at in (sd, low, high))
    detectable = detectable_difference(n, sd, paired=paired)
    return PowerEstimate(arm, against, n, paired, sd, True, detectable, required_seeds, (low_seeds, high_seeds))
