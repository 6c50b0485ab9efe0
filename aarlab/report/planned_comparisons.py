"""The planned comparisons of an ablation in one measure: families, corrections, looks and equivalence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aarlab.ablation.ablation_plan import Ablation, seeds_of
from aarlab.graph.run.measure_registry import common_score_name, find_measure, measure_label
from aarlab.report.arm_runs import ArmRuns
from aarlab.report.task_effects import effects_of
from aarlab.statistics import (
    ALPHA,
    MIN_PAIRS,
    ArmDifference,
    ArmSummary,
    Equivalence,
    Look,
    arm_summary,
    compare,
    detectable_difference,
    equivalence,
    holm,
    planned_looks,
    sequential_p,
)

DEFAULT_MARGIN = 0.05
"""Smallest difference of interest in PGR and in shares, unless the ablation sets another one."""
_UNITS_WITH_MARGIN = ("PGR", "share")

Verdict = Literal["different", "equivalent", "inconclusive"]


@dataclass(frozen=True, slots=True)
class PlannedComparison:
    """One planned comparison in one measure."""

    difference: ArmDifference
    control: bool
    """Whether it compares a control. Controls are a family of their own: they are no structures."""
    p_holm: float | None
    """p value for all planned looks, after Holm's correction for the comparisons of the family in this measure."""
    detectable: float | None
    """Detectable difference at 80 % power for this number of runs, without correction."""
    detectable_corrected: float | None
    """Detectable difference at the strictest step of the correction."""
    equivalence: Equivalence | None
    """Test whether the difference is within the margin; None without a margin, or if an arm has a single run."""

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at 5 % after correction, on at least five pairs."""
        return self.p_holm is not None and self.p_holm < ALPHA and self.difference.n >= MIN_PAIRS

    @property
    def verdict(self) -> Verdict:
        """What the comparison shows. Without significance and without equivalence it is inconclusive."""
        if self.significant:
            return "different"
        shown = self.equivalence is not None and self.equivalence.shown and self.difference.n >= MIN_PAIRS
        return "equivalent" if shown else "inconclusive"


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """One measure over all arms."""

    measure: str
    arm_summaries: Mapping[str, ArmSummary]
    """By arm, without arms in which no run has the measure."""
    comparisons: tuple[PlannedComparison, ...]
    """Planned comparisons in order, of arms that have the measure."""
    margin: float | None
    """Smallest difference of interest; None: not defined for this measure."""
    level: float
    """Level of the intervals of differences: 0.95, or more at a planned look."""
    score_name: str = "PGR"
    """Name of the score of the tasks."""

    @property
    def label(self) -> str:
        """Name of the measure with its unit."""
        return measure_label(self.measure, self.score_name)

    @property
    def structures(self) -> tuple[PlannedComparison, ...]:
        """The comparisons of structures, without controls."""
        return tuple(comparison for comparison in self.comparisons if not comparison.control)

    @property
    def controls(self) -> tuple[PlannedComparison, ...]:
        """The comparisons with controls."""
        return tuple(comparison for comparison in self.comparisons if comparison.control)


def current_look(ablation: Ablation) -> Look | None:
    """Return the planned look at the current number of seeds; None without planned looks."""
    if ablation.looks is None:
        return None
    return next(look for look in planned_looks(ablation.looks) if look.seeds == len(seeds_of(ablation)))


def p_over_looks(p: float | None, ablation: Ablation) -> float | None:
    """Return a p value that accounts for all planned looks; without looks the p value itself."""
    look = current_look(ablation)
    return p if look is None else sequential_p(p, ablation.looks or (), look.number)


def margin_of(ablation: Ablation, measure: str) -> float | None:
    """Return the smallest difference of interest in a measure; None if there is none."""
    if measure == ablation.measures[0] and ablation.margin is not None:
        return ablation.margin
    known = find_measure(measure)
    return DEFAULT_MARGIN if known is not None and known.unit in _UNITS_WITH_MARGIN else None


def measure_result(
    ablation: Ablation, measure: str, arms: Sequence[ArmRuns], pairs: Sequence[tuple[str, str]]
) -> MeasureResult:
    """Return the planned comparisons, as pairs (arm, arm it is compared with), in one measure."""
    values = {arm.name: by_seed for arm in arms if (by_seed := arm.values(measure))}
    controls = {arm.name for arm in arms if arm.control}
    look, margin = current_look(ablation), margin_of(ablation, measure)
    level = 1 - (ALPHA if look is None else look.level)
    by_name = {arm.name: arm for arm in arms}
    differences = [_difference(by_name[a], by_name[b], measure, level) for a, b in pairs if a in values and b in values]
    adjusted = _adjusted(differences, controls, ablation)
    comparisons = [
        _planned_comparison(d, p, controls, differences, margin, level)
        for d, p in zip(differences, adjusted, strict=True)
    ]
    summaries = {name: arm_summary(list(runs.values())) for name, runs in values.items()}
    score_name = common_score_name(str(run.summary.get("score_name", "PGR")) for arm in arms for run in arm.done)
    return MeasureResult(measure, summaries, tuple(comparisons), margin, level, score_name)


def _difference(arm: ArmRuns, against: ArmRuns, measure: str, level: float) -> ArmDifference:
    """Return the difference between two arms; with several tasks that of the mixed model of arm x task.

    The median, the probability of improvement and the bootstrap then are of means over the tasks, by seed.
    """
    difference = compare(arm.name, arm.values(measure), against.name, against.values(measure), level=level)
    effects = effects_of(arm, against, measure, level=level) if len(arm.tasks) > 1 else None
    if effects is None or effects.standard_error is None or len(effects.by_task) < len(arm.tasks):
        return difference
    return replace(
        difference, mean=effects.mean, p=effects.p, standard_error=effects.standard_error,
        degrees_of_freedom=effects.degrees_of_freedom,
    )  # fmt: skip


def _adjusted(
    differences: Sequence[ArmDifference], controls: Collection[str], ablation: Ablation
) -> list[float | None]:
    """Return the p values for all planned looks with Holm's correction within each family."""
    ps = [p_over_looks(difference.p, ablation) for difference in differences]
    adjusted: list[float | None] = [None] * len(ps)
    for family in (True, False):
        members = [i for i, d in enumerate(differences) if _is_control(d, controls) == family]
        for i, p in zip(members, holm([ps[i] for i in members]), strict=True):
            adjusted[i] = p
    return adjusted


def _planned_comparison(
    difference: ArmDifference,
    p_holm: float | None,
    controls: Collection[str],
    differences: Sequence[ArmDifference],
    margin: float | None,
    level: float,
) -> PlannedComparison:
    control = _is_control(difference, controls)
    family = sum(_is_control(other, controls) == control for other in differences)
    n, sd, alpha = difference.n, difference.sd, 1 - level
    test = None if margin is None else equivalence(difference, margin, level=alpha)
    if n < 2 or not sd:
        return PlannedComparison(difference, control, p_holm, None, None, test)
    detectable, corrected = (
        detectable_difference(n, sd, paired=difference.paired, alpha=a) for a in (alpha, alpha / family)
    )
    return PlannedComparison(difference, control, p_holm, detectable, corrected, test)


def _is_control(difference: ArmDifference, controls: Collection[str]) -> bool:
    return difference.arm in controls or difference.against in controls
