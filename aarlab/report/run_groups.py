"""Group run files that belong to no ablation into arms by their configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.arm_configuration import arm_configuration, flattened
from aarlab.ablation.records import READ_ERRORS, Results, RunRecord, record_from_file
from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.scenarios.task import Progress

_MAX_NAME_CHARS = 60
"""Maximum length of an arm's name."""


def results_of_run_files(paths: Sequence[Path], progress: Progress | None = None) -> Results:
    """Return run files as the results of an unplanned ablation.

    Every configuration is an arm, in order of appearance; all arms are compared with the first. Tasks are no arms: runs
    of one configuration on several tasks are one arm on these tasks. If a configuration was run twice on a task with a
    seed, the second run is in a separate arm: an A/A comparison.

    Raises:
        ConfigError: A file is not a run file, or was altered; or a run is given twice.
    """
    records: list[RunRecord] = []
    faults: list[Fault] = []
    for number, path in enumerate(paths):
        if progress is not None:
            progress("reading runs", number / len(paths))
        try:
            records.append(record_from_file(path))
        except READ_ERRORS as error:
            faults.append(Fault(str(path), None, str(error), "a run file that `aarlab run` wrote"))
    faults += _duplicate_faults(records)
    if faults:
        raise ConfigError(faults)
    tasks = _task_names(records)
    records = [replace(record, task=tasks[_task_key(record)]) for record in records]
    order = list(tasks.values())
    groups: dict[tuple[str, int], list[RunRecord]] = {}
    for record in records:
        configuration, repetition = _arm_key(record.scenario), 1
        while any(
            (record.task, record.seed) == (other.task, other.seed)
            for other in groups.get((configuration, repetition), ())
        ):
            repetition += 1
        groups.setdefault((configuration, repetition), []).append(record)
    names = _arm_names({key: members[0].scenario for key, members in groups.items()})
    named = [
        replace(r, arm=names[key])
        for key, members in groups.items()
        for r in sorted(members, key=lambda record: (order.index(record.task), record.seed))
    ]
    return Results(_implicit_ablation(named), None, tuple(named))


def _task_key(record: RunRecord) -> str:
    return str(canonical_json(record.scenario.get("task", {})))


def _task_names(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return a name for each task: its own, with the fields that differ if tasks have the same name.

    With a single task the name is empty, as in an ablation without `tasks`.
    """
    tasks = {_task_key(record): record.scenario.get("task", {}) for record in records}
    if len(tasks) == 1:
        return dict.fromkeys(tasks, "")
    fields = {key: flattened(task) for key, task in tasks.items()}
    names = {}
    for key, task in tasks.items():
        same = [fields[other] for other, one in tasks.items() if one.get("name") == task.get("name")]
        paths = dict.fromkeys(path for group in same for path in group)
        varying = [path for path in paths if len({repr(group.get(path)) for group in same}) > 1]
        parts = [f"{path.rpartition('.')[2]}={fields[key].get(path)}" for path in varying]
        names[key] = " ".join([str(task.get("name", "task")), *parts])
    return names


def _duplicate_faults(records: Sequence[RunRecord]) -> list[Fault]:
    """Return a fault for each run that is a copy of another, because duplicates make intervals too narrow."""
    seen: dict[tuple[str, int, str], RunRecord] = {}
    faults = []
    for record in records:
        digest = record.summary.get("digest")
        if digest is None:
            continue
        other = seen.setdefault((digest, record.seed, _configuration(record.scenario)), record)
        if other is not record:
            faults.append(Fault(str(record.path), None, f"it is the same run as {other.path}", "each run once"))
    return faults


def _configuration(scenario: Mapping[str, Any]) -> str:
    return str(canonical_json(arm_configuration(scenario)))


def _without_task(scenario: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in arm_configuration(scenario).items() if field != "task"}


def _arm_key(scenario: Mapping[str, Any]) -> str:
    return str(canonical_json(_without_task(scenario)))


def _arm_names(scenarios: Mapping[tuple[str, int], Mapping[str, Any]]) -> dict[tuple[str, int], str]:
    """Return a name for each group of runs: the fields in which its configuration differs from others."""
    fields = {key: flattened(_without_task(scenario)) for key, scenario in scenarios.items()}
    configurations = {key[0] for key in scenarios}
    paths = dict.fromkeys(path for group in fields.values() for path in group)
    varying = [path for path in paths if len({repr(group.get(path)) for group in fields.values()}) > 1]
    only_structure = all(path.startswith("structure.") for path in varying)
    presets = {fields[key].get("structure.preset") for key in scenarios}
    # The dials say what a preset means, unless two presets have the same dials.
    settings = [path for path in varying if path != "structure.preset"]
    if len({repr([fields[key].get(path) for path in settings]) for key in scenarios}) < len(configurations):
        settings = varying
    names = {}
    for key in scenarios:
        group = fields[key]
        if only_structure and len(presets) == len(configurations) and "structure.preset" in group:
            name = str(group["structure.preset"])
        else:
            parts = [f"{path.rpartition('.')[2]}={group.get(path)}" for path in settings]
            name = ", ".join(parts) or str(scenarios[key].get("name", "runs"))
        name = name if len(name) <= _MAX_NAME_CHARS else f"{name[: _MAX_NAME_CHARS - 9]}… {content_hash(key[0])[:6]}"
        names[key] = name if key[1] == 1 else f"{name} (repetition {key[1]})"
    return names


def _implicit_ablation(records: Sequence[RunRecord]) -> Ablation:
    arms = list(dict.fromkeys(record.arm for record in records))
    return Ablation(
        name="runs",
        question="How do these runs compare?",
        scenario=arm_configuration(records[0].scenario),
        arms={arm: {} for arm in arms},
        seeds=sorted({record.seed for record in records}),
        comparisons=[[arm, arms[0]] for arm in arms[1:]],
        controls=False,
    )
