"""Signs of effects: for each dial the environments with the clearest positive and the clearest negative effect.

An environment is a task under one sensitivity setting, or under the settings of the ablation itself.
"""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.ablation_plan import Ablation
from aarlab.config.scenario_files import STUDIES, shipped_ablations
from aarlab.graph.structure.structure import DIALS
from aarlab.report.arm_runs import ArmRuns, differences
from aarlab.report.planned_comparisons import p_over_looks
from aarlab.report.sensitivity import Sensitivity
from aarlab.statistics import ALPHA, MIN_PAIRS, ArmDifference, TaskEffects

_DIAL_FIELDS = {f"structure.{dial.name}": dial.name for dial in DIALS}
CONFIRMATION_SEED = 1001
"""First seed of the suggested confirmation."""


@dataclass(frozen=True, slots=True)
class EnvironmentEffect:
    """The effect of an arm in one environment."""

    arm: str
    against: str
    task: str
    setting: str
    """Name of the sensitivity setting; empty: the settings of the ablation itself."""
    values: Mapping[str, Any]
    difference: ArmDifference

    @property
    def environment(self) -> str:
        """Task and changed fields in words."""
        return ", ".join(part for part in (self.task, self.setting) if part) or "the scenario"

    def confirmation(self, ablation: str) -> str:
        """Return the command that repeats the comparison in this environment with fresh seeds."""
        settings = [f"tasks=[{self.task}]"] if self.task else []
        settings += [f"{path}={value}" for path, value in self.values.items()]
        shipped = (name for name in shipped_ablations() if name in (ablation, f"{STUDIES}/{ablation}"))
        words = [
            "aarlab",
            "ablate",
            next(shipped, ablation),
            "--seeds-from",
            str(CONFIRMATION_SEED),
            "--no-sensitivity",
        ]
        return shlex.join([*words, *(word for setting in settings for word in ("--set", setting))])


@dataclass(frozen=True, slots=True)
class EffectSigns:
    """The environments with the clearest effects of a dial, or of an arm that changes several dials."""

    name: str
    environments: int
    """Number of pairs of environment and arm that the two were selected from."""
    most_positive: EnvironmentEffect
    """With the highest t statistic."""
    most_negative: EnvironmentEffect
    """With the lowest t statistic."""
    ablation: Ablation
    """Its planned looks count in the p values."""

    @property
    def verdict(self) -> str:
        """Which signs were found, for all planned looks and after Bonferroni's correction for the environments."""
        positive = self._is_significant(self.most_positive) and self.most_positive.difference.mean.value > 0
        negative = self._is_significant(self.most_negative) and self.most_negative.difference.mean.value < 0
        if positive and negative:
            return "both signs"
        return "only positive" if positive else "only negative" if negative else "none significant"

    def _is_significant(self, effect: EnvironmentEffect) -> bool:
        p = p_over_looks(effect.difference.p, self.ablation)
        return p is not None and p * self.environments < ALPHA and effect.difference.n >= MIN_PAIRS


def effect_signs(
    ablation: Ablation,
    arms: Sequence[ArmRuns],
    references: Mapping[tuple[str, str], TaskEffects],
    sensitivities: Sequence[Sensitivity],
) -> tuple[EffectSigns, ...]:
    """Return the signs of each dial in the primary measure; empty if there is a single environment.

    Args:
        ablation: The ablation.
        arms: Its arms.
        references: Effects of the planned comparisons under the settings of the ablation itself.
        sensitivities: Their effects under the sensitivity settings.
    """
    by_name = {arm.name: arm for arm in arms}
    grouped: dict[str, list[EnvironmentEffect]] = {}
    for effect in _effects(references, sensitivities):
        # A control has other researchers: its difference is no effect of structure.
        name = _dial(by_name[effect.arm], by_name[effect.against])
        if name is not None:
            grouped.setdefault(name, []).append(effect)
    if len({(effect.task, effect.setting) for effects in grouped.values() for effect in effects}) < 2:
        return ()
    return tuple(
        EffectSigns(
            name,
            len(effects),
            max(effects, key=lambda effect: _t(effect, unknown=-math.inf)),
            min(effects, key=lambda effect: _t(effect, unknown=math.inf)),
            ablation,
        )
        for name, effects in grouped.items()
    )


def _effects(
    references: Mapping[tuple[str, str], TaskEffects], sensitivities: Sequence[Sensitivity]
) -> Iterator[EnvironmentEffect]:
    for (arm, against), effects in references.items():
        for task, difference in effects.by_task.items():
            yield EnvironmentEffect(arm, against, task, "", {}, difference)
    for comparison in sensitivities:
        for setting in comparison.changed:
            for task, difference in setting.effects.by_task.items():
                names = (comparison.arm, comparison.against, task, setting.setting)
                yield EnvironmentEffect(*names, setting.values, difference)


def _dial(arm: ArmRuns, against: ArmRuns) -> str | None:
    """Return the dial in which two arms differ, the arm's name if several differ, None if none differs."""
    fields = differences(arm.scenario, against.scenario)
    dials = [_DIAL_FIELDS[field] for field in fields if field in _DIAL_FIELDS]
    if not dials:
        return None
    return dials[0] if len(dials) == 1 else arm.name


def _t(effect: EnvironmentEffect, *, unknown: float) -> float:
    """Return the t statistic of an effect; `unknown` for a single pair, which has no standard error."""
    mean, se = effect.difference.mean.value, effect.difference.standard_error
    if se is None:
        return unknown
    if se == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / se
