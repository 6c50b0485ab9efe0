"""Compute all numbers of a report from the records of an ablation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from aarlab.ablation.records import Results
from aarlab.ablation.run_facts import RunFacts
from aarlab.report.arm_runs import ArmRuns, ArmUsage, arms_of, usage
from aarlab.report.effect_signs import EffectSigns, effect_signs
from aarlab.report.matched_spend import MatchedSpend, matched_spends
from aarlab.report.mechanism import Mechanism, mechanisms, warnings
from aarlab.report.planned_comparisons import MeasureResult, current_look, measure_result
from aarlab.report.references import ReferenceLine, reference_lines
from aarlab.report.sensitivity import Sensitivity, sensitivities
from aarlab.report.task_effects import effects_of
from aarlab.report.winners_curse import WinnersCurse, winners_curses
from aarlab.statistics import (
    Band,
    Estimate,
    Look,
    Slope,
    TaskEffects,
    band,
    best_so_far,
    between_arms,
    mean_estimate,
    noise_floor,
    normalised_area,
    profile,
    within_arms,
)

POINTS = 97
"""Number of points of a curve."""
Progress = Callable[[str, float], None]
"""Receives the current step and the completed share, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """All numbers of a report."""

    results: Results
    arms: tuple[ArmRuns, ...]
    outcomes: tuple[MeasureResult, ...]
    """The primary measure first."""
    facts: Mapping[Path, RunFacts]
    """By path, for finished runs with a readable file."""
    usage: Mapping[str, ArmUsage]
    panels: Mapping[str, Mapping[str, Estimate]]
    """Mean PGR by arm and panel: development, held-out, shifted, and `transfer to TASK`."""
    panel_se: Mapping[str, float]
    """Standard error of a run's held-out PGR over worlds, mean over the runs of each arm."""
    winners_curses: tuple[WinnersCurse, ...]
    """Development minus rescored minus held-out PGR of the winners, by arm."""
    references: tuple[ReferenceLine, ...]
    """Reference methods on the same held-out worlds."""
    best_so_far_curves: Mapping[str, Band]
    """Best development PGR so far over the team's research hours, by arm."""
    normalised_areas: Mapping[str, Estimate]
    """Area under the best-so-far curve divided by the budget: its mean over time, by arm."""
    checkpoints: Mapping[str, Mapping[str, tuple[Estimate, int]]]
    """Held-out PGR of the leading finding at a quarter, half and all of the budget, by arm and point, and the number of
    runs that had one.
    """
    entropies: Mapping[str, Band]
    """Entropy over method families over the team's research hours, by arm."""
    profiles: Mapping[str, Band]
    """Share of runs above each value of the primary measure, by arm."""
    autonomy: Mapping[str, tuple[tuple[float, float], ...]]
    """(realised autonomy, primary measure) of each run, by arm."""
    between: Slope | None
    """Regression of the primary measure on realised autonomy between arms, without the control."""
    within: Slope | None
    """The same regression within arms."""
    noise: Mapping[str, float]
    """95 % point of the difference between two arms of the same configuration in the primary measure, by arm."""
    look: Look | None
    """The planned look at hand; None if the ablation plans no looks."""
    identical_arms: tuple[tuple[str, str], ...]
    """Pairs of arms with the same configuration."""
    effects: Mapping[tuple[str, str], TaskEffects]
    """Effects of the planned comparisons on the primary measure, by task and over tasks."""
    mechanisms: tuple[Mechanism, ...]
    """What the runs of each arm did, over all tasks and then by task."""
    warnings: tuple[str, ...]
    """Other explanations of differences between arms than their structure."""
    matched_spends: tuple[MatchedSpend, ...]
    sensitivity: tuple[Sensitivity, ...]
    """Planned comparisons under the sensitivity settings."""
    signs: tuple[EffectSigns, ...]
    """Environments with the clearest effects, by dial."""

    @property
    def primary(self) -> MeasureResult:
        """The primary measure."""
        return self.outcomes[0]

    @property
    def score_name(self) -> str:
        """Name of the score of the tasks: PGR, unless all of them have another name."""
        return self.primary.score_name


def analyse(results: Results, progress: Progress = lambda label, share: None) -> Analysis:
    """Return the analysis of the finished runs of an ablation."""
    # One thread for linear algebra: sums in a fixed order are bit-identical on any number of cores.
    with threadpool_limits(1):
        return _analysis(results, progress)


def _analysis(results: Results, progress: Progress) -> Analysis:
    arms = arms_of(results)
    facts = {record.path: record.facts for record in results.records if record.facts is not None}
    pairs = planned_pairs(results, arms)
    outcomes = []
    for number, measure in enumerate(results.ablation.measures):
        outcomes.append(measure_result(results.ablation, measure, arms, pairs))
        progress("comparing arms", 0.9 * (number + 1) / len(results.ablation.measures))
    primary = results.ablation.measures[0]
    values = {arm.name: list(arm.values(primary).values()) for arm in arms}
    autonomy = {arm.name: _against_autonomy(arm, primary) for arm in arms}
    structured = {arm.name: autonomy[arm.name] for arm in arms if not arm.control}
    progress("comparing spend and sensitivity", 0.9)
    effects = _effects(arms, pairs, primary)
    sensitivity, found = sensitivities(results, pairs, effects), mechanisms(arms)
    progress("computing curves", 0.95)
    return Analysis(
        results=results,
        arms=arms,
        outcomes=tuple(outcomes),
        facts=facts,
        usage={arm.name: used for arm in arms if (used := usage(arm))},
        panels={arm.name: _panels(arm) for arm in arms},
        panel_se={arm.name: float(np.mean(list(se.values()))) for arm in arms if (se := arm.values("heldout.se"))},
        winners_curses=winners_curses(arms),
        references=reference_lines(arms, facts),
        best_so_far_curves={arm.name: curve for arm in arms if (curve := _best_so_far_curve(arm))},
        normalised_areas={arm.name: mean_estimate(areas) for arm in arms if (areas := _normalised_areas(arm))},
        checkpoints={arm.name: points for arm in arms if (points := _checkpoints(arm))},
        entropies={arm.name: curve for arm in arms if (curve := _entropy_curve(arm))},
        profiles=_profiles(values),
        autonomy=autonomy,
        between=between_arms(structured),
        within=within_arms(structured),
        noise={name: floor for name, runs in values.items() if (floor := noise_floor(runs)) is not None},
        look=current_look(results.ablation),
        identical_arms=_identical_arms(arms),
        effects=effects,
        mechanisms=found,
        warnings=tuple(warnings(arms, found)),
        matched_spends=matched_spends(arms, pairs),
        sensitivity=sensitivity,
        signs=effect_signs(results.ablation, arms, effects, sensitivity),
    )  # fmt: skip


def _effects(
    arms: Sequence[ArmRuns], pairs: Sequence[tuple[str, str]], measure: str
) -> dict[tuple[str, str], TaskEffects]:
    by_name = {arm.name: arm for arm in arms}
    found = {(a, b): effects_of(by_name[a], by_name[b], measure) for a, b in pairs if a in by_name and b in by_name}
    return {pair: effects for pair, effects in found.items() if effects is not None}


def planned_pairs(results: Results, arms: Sequence[ArmRuns]) -> list[tuple[str, str]]:
    """Return the planned comparisons: those of the file, which can be none; by default every arm with the first."""
    if results.ablation.comparisons is None:
        return [(arm.name, arms[0].name) for arm in arms[1:]]
    return [(arm, against) for arm, against in results.ablation.comparisons]


def _panels(arm: ArmRuns) -> dict[str, Estimate]:
    tasks = dict.fromkeys(task for record in arm.done for task in record.summary.get("transfer") or {})
    paths = {
        "development": "development_pgr.whole",
        "held-out": "heldout.pgr",
        "shifted": "shifted.pgr",
        **{f"transfer to {task}": f"transfer.{task}.pgr" for task in tasks},
    }
    return {panel: mean_estimate(list(runs.values())) for panel, path in paths.items() if (runs := arm.values(path))}


def _best_so_far_curve(arm: ArmRuns) -> Band | None:
    if not arm.done or arm.budget_hours is None:
        return None
    hours = np.linspace(0.0, arm.budget_hours, POINTS)
    return band(hours, np.stack([best_so_far(record.frontier, hours) for record in arm.done]))


def _normalised_areas(arm: ArmRuns) -> list[float]:
    if arm.budget_hours is None:
        return []
    return [normalised_area(record.frontier, arm.budget_hours) for record in arm.done]


def _checkpoints(arm: ArmRuns) -> dict[str, tuple[Estimate, int]]:
    points = {
        point: list(arm.values(f"heldout_pgr_by_budget.{point}").values()) for point in ("quarter", "half", "whole")
    }
    return {point: (mean_estimate(scores), len(scores)) for point, scores in points.items() if scores}


def _entropy_curve(arm: ArmRuns) -> Band | None:
    """Return the entropy over time, at the rounds in which at least half of the runs have a value."""
    curves = [dict(record.entropy) for record in arm.done if record.entropy]
    all_hours = sorted({hours for curve in curves for hours in curve})
    kept = [hours for hours in all_hours if 2 * sum(hours in curve for curve in curves) >= len(arm.done)]
    if not kept:
        return None
    # The number of runs differs between rounds, so the band is computed round by round.
    slices = [band(np.array([x]), np.array([[curve[x]] for curve in curves if x in curve])) for x in kept]
    mean, low, high = (np.concatenate([getattr(part, edge) for part in slices]) for edge in ("mean", "low", "high"))
    return Band(np.array(kept), mean, low, high, len(curves))


def _profiles(values: Mapping[str, Sequence[float]]) -> dict[str, Band]:
    pooled = [value for runs in values.values() for value in runs]
    if not pooled:
        return {}
    low, high = min(pooled), max(pooled)
    margin = 0.05 * (high - low) or 0.05
    thresholds = np.linspace(low - margin, high + margin, POINTS)
    return {name: profile(runs, thresholds) for name, runs in values.items() if runs}


def _against_autonomy(arm: ArmRuns, primary: str) -> tuple[tuple[float, float], ...]:
    autonomy, outcome = arm.values("realised_autonomy"), arm.values(primary)
    return tuple((autonomy[seed], outcome[seed]) for seed in sorted(outcome) if seed in autonomy)


def _identical_arms(arms: Sequence[ArmRuns]) -> tuple[tuple[str, str], ...]:
    """Return pairs of arms with the same configuration, each with the first of them."""
    pairs = []
    for number, arm in enumerate(arms):
        same = next((other.name for other in arms[:number] if arm.scenario and other.scenario == arm.scenario), None)
        if same is not None:
            pairs.append((same, arm.name))
    return tuple(pairs)
