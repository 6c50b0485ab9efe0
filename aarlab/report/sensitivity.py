"""Sensitivity of differences to the temperament of simulated researchers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.arm_configuration import flattened
from aarlab.report.arm_runs import ArmRuns
from aarlab.statistics import ArmDifference, compare

TEMPERAMENT = "team.temperament"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A difference between two configurations, for each temperament that both were run with."""

    differences: tuple[tuple[str, ArmDifference], ...]
    """Two or more, by temperament: a configuration minus that of the first arm."""

    @property
    def same_sign(self) -> bool:
        """Whether the difference has the same sign for every temperament."""
        return len({difference.mean.value > 0 for _, difference in self.differences}) == 1


def sensitivity(arms: Sequence[ArmRuns], measure: str) -> tuple[Sensitivity, ...]:
    """Return every difference to the first arm's configuration that was measured for several temperaments.

    The temperament that each researcher drew is not recorded; arms differ in the distribution.
    """
    known = [arm for arm in arms if arm.scenario and arm.values(measure)]
    if not known:
        return ()
    families: dict[str, dict[str, ArmRuns]] = {}
    for arm in known:
        families.setdefault(_configuration(arm), {}).setdefault(str(flattened(arm.scenario).get(TEMPERAMENT)), arm)
    first = families.pop(_configuration(known[0]))
    results = []
    for family in families.values():
        shared = [name for name in first if name in family]
        if len(shared) > 1:
            results.append(
                Sensitivity(tuple((name, _difference(family[name], first[name], measure)) for name in shared))
            )
    return tuple(results)


def _difference(arm: ArmRuns, against: ArmRuns, measure: str) -> ArmDifference:
    return compare(arm.name, arm.values(measure), against.name, against.values(measure))


def _configuration(arm: ArmRuns) -> str:
    fields: dict[str, Any] = {path: value for path, value in flattened(arm.scenario).items() if path != TEMPERAMENT}
    return repr(sorted(fields.items(), key=lambda field: field[0]))
