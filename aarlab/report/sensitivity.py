"""Whether a result hangs on what the simulated researchers are like: arms that differ in temperament only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.arm_configuration import flattened
from aarlab.report.arm_runs import ArmRuns
from aarlab.statistics import ArmDifference, compare

TEMPERAMENT = "team.temperament"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A difference between two configurations, under each temperament that both were run with."""

    differences: tuple[tuple[str, ArmDifference], ...]
    """Two or more, by temperament: one configuration against that of the first arm."""

    @property
    def same_sign(self) -> bool:
        """Whether the difference points the same way under every temperament."""
        return len({difference.mean.value > 0 for _, difference in self.differences}) == 1


def sensitivity(arms: Sequence[ArmRuns], measure: str) -> tuple[Sensitivity, ...]:
    """Return every difference from the first arm's configuration that was measured under several temperaments.

    Which temperament each researcher drew is not in the record: what can be read is the distribution, arm by arm.
    """
    known = [arm for arm in arms if arm.scenario and arm.values(measure)]
    if not known:
        return ()
    families: dict[str, dict[str, ArmRuns]] = {}
    for arm in known:
        families.setdefault(_configuration(arm), {}).setdefault(str(flattened(arm.scenario).get(TEMPERAMENT)), arm)
    first = families.pop(_configuration(known[0]))
    found = []
    for family in families.values():
        shared = [name for name in first if name in family]
        if len(shared) > 1:
            found.append(Sensitivity(tuple((name, _difference(family[name], first[name], measure)) for name in shared)))
    return tuple(found)


def _difference(arm: ArmRuns, against: ArmRuns, measure: str) -> ArmDifference:
    return compare(arm.name, arm.values(measure), against.name, against.values(measure))


def _configuration(arm: ArmRuns) -> str:
    fields: dict[str, Any] = {path: value for path, value in flattened(arm.scenario).items() if path != TEMPERAMENT}
    return repr(sorted(fields.items(), key=lambda field: field[0]))
