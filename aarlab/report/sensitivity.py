"""Sensitivity of the planned comparisons to scenario fields that all arms share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.arm_configuration import flattened
from aarlab.ablation.records import Results
from aarlab.report.arm_runs import arms_in
from aarlab.report.task_effects import effects_of
from aarlab.statistics import MIN_PAIRS, Estimate, TaskEffects


@dataclass(frozen=True, slots=True)
class SettingEffect:
    """A planned comparison under one sensitivity setting."""

    setting: str
    values: Mapping[str, Any]
    """Changed values by dotted scenario path."""
    effects: TaskEffects
    unchanged: bool
    """Whether these are the values of the ablation itself. Such a setting is no test of sensitivity: it has some of the
    same runs, and is not counted.
    """

    @property
    def sign(self) -> int:
        """1, 0 or -1: the sign of the effect over tasks if it is significant, uncorrected; else 0."""
        return significant_sign(self.effects.mean, min(d.n for d in self.effects.by_task.values()))


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A planned comparison under every setting with finished runs of both arms."""

    arm: str
    against: str
    reference: Estimate | None
    """The effect in the comparison itself; None if it has no finished runs."""
    settings: tuple[SettingEffect, ...]

    @property
    def changed(self) -> tuple[SettingEffect, ...]:
        """The settings with other values than the ablation itself."""
        return tuple(setting for setting in self.settings if not setting.unchanged)

    @property
    def same_sign(self) -> int:
        """Number of settings in which the effect has the sign of the comparison itself."""
        return sum(setting.effects.mean.value * self._direction > 0 for setting in self.changed)

    @property
    def same_sign_significant(self) -> int:
        """Number of settings in which it has that sign and is significant, uncorrected."""
        return sum(setting.sign == self._direction for setting in self.changed)

    @property
    def reversed_significant(self) -> int:
        """Number of settings in which it has the opposite sign and is significant, uncorrected."""
        return sum(setting.sign == -self._direction for setting in self.changed)

    @property
    def _direction(self) -> int:
        return 1 if self.reference is None or self.reference.value >= 0 else -1


def significant_sign(estimate: Estimate, pairs: int) -> int:
    """Return the sign of an estimate whose 95 % interval excludes 0; 0 if it does not, or with too few pairs."""
    if estimate.interval is None or pairs < MIN_PAIRS:
        return 0
    low, high = estimate.interval
    return 1 if low > 0 else -1 if high < 0 else 0


def sensitivities(
    results: Results, pairs: Sequence[tuple[str, str]], references: Mapping[tuple[str, str], TaskEffects]
) -> tuple[Sensitivity, ...]:
    """Return the planned comparisons that were repeated under at least one setting, in the primary measure.

    Args:
        results: The results of the ablation with its settings.
        pairs: The planned comparisons.
        references: Their effects in the comparison itself.
    """
    measure = results.ablation.measures[0]
    arms = [(setting, {arm.name: arm for arm in arms_in(setting.records)}) for setting in results.settings]
    own_values = flattened(results.records[0].scenario)
    found = []
    for pair in pairs:
        settings = tuple(
            SettingEffect(setting.name, setting.values, effects, _has_values(own_values, setting.values))
            for setting, by_name in arms
            if pair[0] in by_name and pair[1] in by_name
            and (effects := effects_of(by_name[pair[0]], by_name[pair[1]], measure)) is not None
        )  # fmt: skip
        if settings:
            reference = references.get(pair)
            found.append(Sensitivity(*pair, None if reference is None else reference.mean, settings))
    return tuple(found)


def _has_values(scenario: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(path in scenario and scenario[path] == value for path, value in values.items())
