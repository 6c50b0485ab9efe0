"""Reference lines: teams minus a reference method on the same held-out worlds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from aarlab.ablation.run_facts import RunFacts
from aarlab.graph.run.measure_registry import REFERENCES, value_at
from aarlab.memory.measures import WorldDifference, difference_by_world
from aarlab.report.arm_runs import ArmRuns
from aarlab.statistics import ArmDifference, Estimate, compare, mean_estimate


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A reference method and the differences of the arms to it, in held-out PGR."""

    name: str
    pgr: Estimate
    """Held-out PGR of the method over all runs."""
    hours: float | None
    """Research hours of finding the method, mean over all runs; None if unknown. No run is charged with them."""
    over_runs: Mapping[str, ArmDifference]
    """Each arm minus the method, paired by run. The interval is for other runs on the same worlds."""
    over_worlds: Mapping[str, WorldDifference]
    """Mean of each arm's winners minus the method, paired by world. The interval is for other worlds and the same
    winners. Without arms that have several tasks.
    """


def reference_lines(arms: Sequence[ArmRuns], facts: Mapping[Path, RunFacts]) -> tuple[ReferenceLine, ...]:
    """Return the reference lines that the runs have scores for."""
    return tuple(line for reference, name in REFERENCES.items() if (line := _line(reference, name, arms, facts)))


def _line(reference: str, name: str, arms: Sequence[ArmRuns], facts: Mapping[Path, RunFacts]) -> ReferenceLine | None:
    summaries = [record.summary for arm in arms for record in arm.done]
    values, hours = (
        [value for summary in summaries if (value := value_at(summary, f"references.{reference}.{field}")) is not None]
        for field in ("pgr", "hours")
    )
    if not values:
        return None
    return ReferenceLine(
        name,
        mean_estimate(values),
        fmean(hours) if hours else None,
        {arm.name: over_runs for arm in arms if (over_runs := _over_runs(arm, reference, name))},
        {arm.name: over_worlds for arm in arms if (over_worlds := _over_worlds(arm, reference, facts))},
    )


def _over_runs(arm: ArmRuns, reference: str, name: str) -> ArmDifference | None:
    team, method = arm.values("heldout.pgr"), arm.values(f"references.{reference}.pgr")
    shared = team.keys() & method.keys()
    if not shared:
        return None
    return compare(arm.name, {s: team[s] for s in shared}, name, {s: method[s] for s in shared})


def _over_worlds(arm: ArmRuns, reference: str, facts: Mapping[Path, RunFacts]) -> WorldDifference | None:
    """Return the difference by world, where each world has the mean over the runs."""
    pairs = []
    for record in arm.done:
        by_world = facts[record.path].heldout_by_world if record.path in facts else {}
        winner = record.summary.get("best") or {}
        chosen = (record.summary.get("references") or {}).get(reference) or {}
        own = by_world.get(str(winner.get("finding")))
        other = by_world.get(f"baseline:{chosen.get('name')}")
        if own is not None and other is not None:
            pairs.append((own, other))
    worlds = {len(scores) for pair in pairs for scores in pair}
    if len(arm.tasks) > 1 or len(worlds) != 1:
        return None
    team, method = ([fmean(world) for world in zip(*scores, strict=True)] for scores in zip(*pairs, strict=True))
    return difference_by_world(team, method)
