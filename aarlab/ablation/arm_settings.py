"""Resolve the arms of an ablation (named arms, grid and control) into scenarios, one for each task."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from pydantic import ValidationError

from aarlab.ablation.ablation_plan import CONTROL, CONTROL_SETTINGS, Ablation, ForkSource, PlannedArm, seeds_of, slug
from aarlab.config.document import Document, ValueSource
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.explain import explain
from aarlab.config.forked_scenario import with_pinned_temperament
from aarlab.config.overrides import PATH, Override, apply, conflicts
from aarlab.config.task_loading import with_task_files
from aarlab.config.type_descriptions import value_text
from aarlab.graph.run.segments import InvalidFork, check_fork
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import TaskChoice

PathSetting = tuple[str, Any, ValueSource]
"""Dotted path, value, and source of the value."""

_RESERVED = {"seed": "`seeds` of the ablation: all arms run under the same seeds", "name": "the name of the arm"}


def resolved_arms(
    ablation: Ablation, document: Document, base: Document, fork_from: ForkSource | None
) -> tuple[list[PlannedArm], list[Fault]]:
    """Return the arms, or their faults. A fault that all arms have is reported once, as a fault of the scenario.

    Args:
        ablation: The ablation, with valid types.
        document: Its file.
        base: The scenario that all arms share.
        fork_from: The run that all arms fork from; None: they start at round 1.
    """
    faults = _name_faults(ablation, document) + _path_faults(ablation, document)
    if faults:
        return [], faults
    settings_by_arm = arm_settings(ablation, document)
    tasks, seeds = task_settings(ablation, document), seeds_of(ablation)
    scenarios: dict[str, list[Scenario]] = {}
    faults_by_arm: dict[str, list[Fault]] = {}
    for name, settings in settings_by_arm.items():
        try:
            scenarios[name] = [
                resolved_scenario(name, [*task, *settings], base, seeds, fork_from, of_task=bool(task))
                for task in tasks
            ]
        except ConfigError as error:
            faults_by_arm[name] = list(error.faults)
    if faults_by_arm:
        return [], _merged_faults(faults_by_arm, arms=len(settings_by_arm))
    choices = [scenario.task for scenario in next(iter(scenarios.values()))]
    labels = task_labels(choices) if ablation.tasks else [""]
    if len(set(labels)) < len(labels):
        fault = Fault(document.source_of("tasks").where, "tasks", "a task is repeated", "different tasks or parameters")
        return [], [fault]
    arms = [
        PlannedArm(
            name,
            {path: value for path, value, _ in settings_by_arm[name]},
            dict(zip(labels, by_task, strict=True)),
        )
        for name, by_task in scenarios.items()
    ]
    if ablation.controls and _is_duplicate(arms):
        arms.pop()
    return arms, _slug_faults(arms, document)


def task_settings(ablation: Ablation, document: Document) -> list[list[PathSetting]]:
    """Return the setting of each task of the ablation; one without settings if there are no `tasks`."""
    source = document.source_of("tasks")
    return [[("task", task, source)] for task in ablation.tasks or ()] or [[]]


def task_labels(choices: Sequence[TaskChoice]) -> list[str]:
    """Return the name of each task, with its parameters if the same task occurs more than once."""
    counts = Counter(choice.name for choice in choices)

    def label(choice: TaskChoice) -> str:
        parameters = ", ".join(f"{name}={_value_text(value)}" for name, value in choice.parameters.items())
        return choice.name if counts[choice.name] == 1 or not parameters else f"{choice.name} ({parameters})"

    return [label(choice) for choice in choices]


def arm_settings(ablation: Ablation, document: Document) -> dict[str, list[PathSetting]]:
    """Return the settings of each arm by name, those of the control last."""
    settings = _own_arm_settings(ablation, document)
    if ablation.controls:
        first = next(iter(settings.values()))
        settings[CONTROL] = [
            *(setting for setting in first if setting[0] not in CONTROL_SETTINGS),
            *((path, value, ValueSource("the control")) for path, value in CONTROL_SETTINGS.items()),
        ]
    return settings


def resolved_scenario(
    name: str,
    settings: Sequence[PathSetting],
    base: Document,
    seeds: Sequence[int],
    fork_from: ForkSource | None,
    *,
    of_task: bool,
) -> Scenario:
    """Return the scenario of an arm under the first seed.

    Args:
        name: Name of the arm.
        settings: Its settings on top of the shared scenario, with that of the task if there is one.
        base: The shared scenario.
        seeds: Seeds for which the scenario must be valid.
        fork_from: The run that all arms fork from; None: they start at round 1.
        of_task: Whether the file name of the arm contains the name of the task.

    Raises:
        ConfigError: The settings contradict each other, or the scenario is invalid.
    """
    overrides = [
        Override(tuple(path.split(".")), value, source.where, source.folder) for path, value, source in settings
    ]
    overrides.sort(key=lambda override: override.key)
    if faults := conflicts(overrides):
        raise ConfigError(faults)
    document = with_task_files(apply(overrides, base))
    scenario = _validated(name, document, seeds[0], of_task=of_task)
    for seed in seeds[1:]:
        try:
            # Only a topology is drawn from the seed, so only this part can be invalid for another one.
            scenario.structure.neighbours_by_round(scenario.team.names, seed)
        except ValueError:
            _validated(name, document, seed, of_task=of_task)
    if fork_from is not None:
        try:
            check_fork(fork_from.scenario, scenario)
        except InvalidFork as error:
            raise ConfigError(
                [Fault(document.name, None, "its team or task differs from that of the run in `fork_from`", str(error))]
            ) from None
        scenario = with_pinned_temperament(scenario, fork_from.scenario.seed)
    return scenario


def _validated(name: str, document: Document, seed: int, *, of_task: bool) -> Scenario:
    """Return the scenario of an arm under a seed. Raises ConfigError if it is invalid."""
    data = {**document.data, "name": slug(f"{name}-{_task_name(document)}" if of_task else name), "seed": seed}
    try:
        return Scenario.model_validate(data, strict=True)
    except ValidationError as error:
        raise ConfigError(explain(error, replace(document, data=data))) from None


def _task_name(document: Document) -> str:
    """Return the name of the task in a scenario's document; task files are loaded."""
    task = document.data.get("task")
    return str(task.get("name", "")) if isinstance(task, dict) else str(task)


def _own_arm_settings(ablation: Ablation, document: Document) -> dict[str, list[PathSetting]]:
    """Return the settings of each arm by name without the control: every named arm at every point of the grid."""
    labels = _labels(list(ablation.grid))
    points: list[list[PathSetting]] = [
        list(zip(ablation.grid, values, (document.source_of("grid", path) for path in ablation.grid), strict=True))
        for values in product(*ablation.grid.values())
    ]
    named: Mapping[str, list[PathSetting]] = {
        arm: [(path, value, document.source_of("arms", arm, path)) for path, value in settings.items()]
        for arm, settings in ablation.arms.items()
    } or {"": []}
    arms: dict[str, list[PathSetting]] = {}
    for name, settings in named.items():
        for point in points:
            parts = [*([name] if name else []), *(f"{labels[path]}={_value_text(value)}" for path, value, _ in point)]
            arms[", ".join(parts)] = [*settings, *point]
    return arms


def _labels(paths: Sequence[str]) -> dict[str, str]:
    """Return a label for each path: its last part if that is unique."""
    last = {path: path.rpartition(".")[2] for path in paths}
    counts = Counter(last.values())
    return {path: word if counts[word] == 1 else path for path, word in last.items()}


def _value_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_duplicate(arms: Sequence[PlannedArm]) -> bool:
    """Return whether the control, the last arm, has the configuration of another arm."""
    *others, control = arms
    same = control.scenario
    return any(arm.scenario.model_copy(update={"name": same.name}) == same for arm in others)


def _name_faults(ablation: Ablation, document: Document) -> list[Fault]:
    """Return the faults in the names of arms and the values of the grid."""
    faults: list[Fault] = []
    if not ablation.arms and not ablation.grid:
        faults.append(
            Fault(document.name, None, "no arms", "`arms` with the settings of each by name, a `grid`, or both")
        )
    for name in ablation.arms:
        where = document.source_of("arms", name).where
        if not slug(name) or not slug(name)[0].isalnum() or not name.isprintable() or len(name) > 100:
            expected = "a name that starts with a letter or digit, of at most 100 characters"
            faults.append(Fault(where, f"arms.{name}", "this name cannot be part of a file name", expected))
        elif name == CONTROL and ablation.controls:
            expected = "another name, or `controls: false`"
            faults.append(Fault(where, f"arms.{name}", "this name is reserved for the control arm", expected))
    for path, values in ablation.grid.items():
        words = [_value_text(value) for value in values]
        if not values or len(set(words)) < len(words):
            problem = "a value is repeated" if values else "the list is empty"
            faults.append(
                Fault(document.source_of("grid", path).where, f"grid.{path}", problem, "a list of different values")
            )
    return faults


def _path_faults(ablation: Ablation, document: Document) -> list[Fault]:
    """Return the faults in the paths of arms and grid that do not depend on the scenario."""
    faults: list[Fault] = []
    sources: list[tuple[str, ...]] = [("grid", path) for path in ablation.grid]
    sources += [("arms", arm, path) for arm, settings in ablation.arms.items() for path in settings]
    for key in sources:
        path, where, field = key[-1], document.source_of(*key).where, ".".join(key)
        if not PATH.fullmatch(path):
            faults.append(
                Fault(where, field, f"{value_text(path)} is not a path", "the path of a field, such as budget.hours")
            )
        elif path in _RESERVED:
            faults.append(Fault(where, field, "an arm cannot set this field", _RESERVED[path]))
        elif ablation.tasks is not None and path in ("task", "task.name", "task.path"):
            problem = f"`tasks` sets this field, too ({document.source_of('tasks').where})"
            faults.append(Fault(where, field, problem, "each field either in arms, in the grid or in tasks"))
        elif path in ablation.grid and key[0] == "arms":
            problem = f"grid.{path} sets this field, too ({document.source_of('grid', path).where})"
            faults.append(Fault(where, field, problem, "each field either in arms or in the grid"))
    return faults


def _slug_faults(arms: Sequence[PlannedArm], document: Document) -> list[Fault]:
    """Return a fault for each pair of arms with names that give the same file name."""
    first: dict[str, str] = {}
    faults: list[Fault] = []
    for arm in arms:
        other = first.setdefault(arm.scenario.name.casefold(), arm.name)
        if other != arm.name:
            problem = f"the arms {other!r} and {arm.name!r} have the same file name"
            faults.append(
                Fault(
                    document.source_of("arms", arm.name).where, None, problem, "names that differ in letters or digits"
                )
            )
    return faults


def _merged_faults(faults_by_arm: Mapping[str, list[Fault]], *, arms: int) -> list[Fault]:
    """Return each fault once, with the names of its arms unless all arms have it."""
    where: dict[Fault, list[str]] = {}
    for name, faults in faults_by_arm.items():
        for fault in faults:
            if name not in where.setdefault(fault, []):
                where[fault].append(name)
    merged: list[Fault] = []
    for fault, names in where.items():
        if len(names) == arms and arms > 1:
            merged.append(fault)
        else:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            merged.append(replace(fault, field=f"{fault.field or 'scenario'} (arm {names[0]}{more})"))
    return merged
