"""The winner's curse: how much of a winner's development score is the luck of selection."""

from collections.abc import Sequence
from dataclasses import dataclass

from aarlab.report.arm_runs import ArmRuns
from aarlab.statistics import Estimate, mean_estimate


@dataclass(frozen=True, slots=True)
class WinnersCurse:
    """Losses of PGR of the winners of an arm from one panel of worlds to the next, mean over runs."""

    arm: str
    runs: int
    rescoring: Estimate
    """Development minus rescored: the finalists were selected by development scores, which are noisy."""
    final: Estimate
    """Rescored minus held-out: the winner was selected among the finalists by rescored scores."""
    total: Estimate
    """Development minus held-out."""


def winners_curses(arms: Sequence[ArmRuns]) -> tuple[WinnersCurse, ...]:
    """Return the losses of each arm with finished runs that have a winner."""
    return tuple(curse for arm in arms if (curse := _curse(arm)))


def _curse(arm: ArmRuns) -> WinnersCurse | None:
    panels = [arm.values(path) for path in ("best.development_pgr", "best.pgr", "heldout.pgr")]
    seeds = sorted(set.intersection(*(set(values) for values in panels)))
    if not seeds:
        return None
    development, rescored, heldout = ([values[seed] for seed in seeds] for values in panels)

    def loss(before: Sequence[float], after: Sequence[float]) -> Estimate:
        return mean_estimate([x - y for x, y in zip(before, after, strict=True)])

    return WinnersCurse(
        arm.name, len(seeds), loss(development, rescored), loss(rescored, heldout), loss(development, heldout)
    )
