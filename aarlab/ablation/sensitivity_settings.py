"""Resolve the section `sensitivity` of an ablation: the comparison under other values of shared scenario fields."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from aarlab.ablation.ablation_plan import (
    CONTROL,
    Ablation,
    ForkSource,
    PlannedArm,
    PlannedRun,
    PlannedSetting,
    SensitivityGrid,
    seed_list,
)
from aarlab.ablation.arm_settings import PathSetting, arm_settings, resolved_scenario, task_settings
from aarlab.config.document import Document, Key
from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.config.overrides import PATH
from aarlab.config.type_descriptions import comma_separated, value_text

_SECTION = ("sensitivity", "grid")


def resolved_settings(
    ablation: Ablation,
    document: Document,
    base: Document,
    arms: Sequence[PlannedArm],
    comparisons: Sequence[Sequence[str]],
    fork_from: ForkSource | None,
) -> tuple[list[PlannedSetting], list[Fault]]:
    """Return the sensitivity settings with their runs, or their faults.

    Args:
        ablation: The ablation, with valid types.
        document: Its file.
        base: The scenario that all arms share.
        arms: The resolved arms.
        comparisons: The planned pairs of arms.
        fork_from: The run that all arms fork from; None: they start at round 1.
    """
    grid = ablation.sensitivity
    if grid is None:
        return [], []
    if faults := list(_name_faults(grid, document, arms)):
        return [], faults
    names = grid.arms or [name for arm in arms if (name := arm.name) != CONTROL and _is_compared(name, comparisons)]
    settings: list[PlannedSetting] = []
    for values in settings_of(grid):
        try:
            settings.append(_setting(values, ablation, document, base, names, list(arms[0].scenarios), fork_from))
        except ConfigError as error:
            name = setting_name(values)
            faults += [Fault(f.where, f"{f.field or 'scenario'} (setting {name})", f.problem, f.expected, f.fix)
                       for f in error.faults if all(f.where != other.where for other in faults)]  # fmt: skip
    return settings, faults


def settings_of(grid: SensitivityGrid) -> Iterator[dict[str, Any]]:
    """Yield the values of each setting by path: one changed field at a time, or all combinations."""
    if grid.cross:
        yield from (dict(zip(grid.grid, values, strict=True)) for values in product(*grid.grid.values()))
    else:
        yield from ({path: value} for path, values in grid.grid.items() for value in values)


def setting_name(values: Mapping[str, Any]) -> str:
    """Return the name of a setting, such as `costs.pilot=0.5`."""
    return ", ".join(
        f"{path}={str(value).lower() if isinstance(value, bool) else value}" for path, value in values.items()
    )


def _setting(
    values: Mapping[str, Any],
    ablation: Ablation,
    document: Document,
    base: Document,
    names: Sequence[str],
    labels: Sequence[str],
    fork_from: ForkSource | None,
) -> PlannedSetting:
    grid = ablation.sensitivity
    assert grid is not None
    seeds = seed_list(grid.seeds, ablation.seeds_from)
    own: list[PathSetting] = [(path, value, document.source_of(*_SECTION, path)) for path, value in values.items()]
    tasks = dict(zip(labels, task_settings(ablation, document), strict=True))
    chosen = {label: task for label, task in tasks.items() if grid.tasks is None or label in grid.tasks}
    settings = arm_settings(ablation, document)
    scenarios = [
        (arm, label, resolved_scenario(arm, [*task, *settings[arm], *own], base, seeds, fork_from, of_task=bool(task)))
        for label, task in chosen.items()
        for arm in names
    ]
    name = setting_name(values)
    runs = tuple(
        PlannedRun(arm, scenario.model_copy(update={"seed": seed}), fork_from, label, name)
        for seed in seeds
        for arm, label, scenario in scenarios
    )
    return PlannedSetting(name, values, runs)


def _is_compared(arm: str, comparisons: Sequence[Sequence[str]]) -> bool:
    return any(arm in pair for pair in comparisons)


def sensitivity_path_faults(ablation: Ablation, document: Document) -> Iterator[Fault]:
    """Yield the faults of paths and values that depend neither on the scenario nor on the arms."""
    in_arms: dict[str, Key] = {
        path: ("arms", arm, path) for arm, settings in ablation.arms.items() for path in settings
    }
    in_arms |= {path: ("grid", path) for path in ablation.grid}
    for path, values in (ablation.sensitivity.grid if ablation.sensitivity else {}).items():
        where, field = document.source_of(*_SECTION, path).where, f"sensitivity.grid.{path}"
        words = [repr(value) for value in values]
        if not PATH.fullmatch(path):
            yield Fault(where, field, f"{value_text(path)} is not a path", "the path of a field, such as costs.pilot")
        elif path in ("seed", "name") or (ablation.tasks is not None and path in ("task", "task.name", "task.path")):
            yield Fault(where, field, "the ablation sets this field", "a field of the scenario that all arms share")
        elif path in in_arms:
            problem = f"{'.'.join(in_arms[path])} sets this field, too ({document.source_of(*in_arms[path]).where})"
            yield Fault(where, field, problem, "a field of the scenario that all arms share")
        elif not values or len(set(words)) < len(words):
            problem = "a value is repeated" if values else "the list is empty"
            yield Fault(where, field, problem, "a list of different values")


def _name_faults(grid: SensitivityGrid, document: Document, arms: Sequence[PlannedArm]) -> Iterator[Fault]:
    """Yield the faults of seeds and of names of tasks and arms."""
    known = {"tasks": [task for task in arms[0].scenarios if task], "arms": [arm.name for arm in arms]}
    for field, names in known.items():
        where = document.source_of("sensitivity", field).where
        for name in getattr(grid, field) or ():
            if name not in names:
                problem = f"unknown {field.removesuffix('s')} {value_text(name)}"
                expected = comma_separated(names) or "no list: the ablation has no `tasks`"
                yield Fault(where, f"sensitivity.{field}", problem, expected, did_you_mean(name, names))
    if isinstance(grid.seeds, list) and (not grid.seeds or len(set(grid.seeds)) < len(grid.seeds)):
        problem = "a seed occurs more than once" if grid.seeds else "no seeds"
        where = document.source_of("sensitivity", "seeds").where
        yield Fault(where, "sensitivity.seeds", problem, "at least one seed, each once")
