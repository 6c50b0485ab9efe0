"""Loading the task files that a scenario names, before the scenario is checked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aarlab.config.document import Document, Key
from aarlab.config.errors import ConfigError, Fault
from aarlab.graph.task_choice import fields_of
from aarlab.scenarios.task_files import load_task_file
from aarlab.scenarios.task_registry import UnusableTask

_TASK_LISTS: tuple[Key, ...] = (("scoring", "transfer_tasks"),)
"""Fields that are lists of tasks."""


def with_task_files(document: Document) -> Document:
    """Execute the task files that the user names in the document, and return it with the fields from these files.

    A path from a run file is not loaded, so its code is not executed.

    Raises:
        ConfigError: A file cannot be used.
    """
    data, faults = dict(document.data), list[Fault]()
    if isinstance(data.get("task"), dict):
        data["task"] = _completed(data["task"], ("task",), document, faults)
    for section, field in _TASK_LISTS:
        fields = data.get(section)
        if isinstance(fields, dict) and isinstance(fields.get(field), list):
            completed = [
                _completed(entry, (section, field), document, faults) if isinstance(entry, dict) else entry
                for entry in fields[field]
            ]
            data[section] = {**fields, field: completed}
    if faults:
        raise ConfigError(faults)
    return replace(document, data=data)


def _completed(task: Mapping[str, Any], key: Key, document: Document, faults: list[Fault]) -> dict[str, Any]:
    """Return the fields of one task, from its file if it has one; append errors to `faults`."""
    name, path = (document.source_of(*key, field) for field in ("name", "path"))
    if name.overridden and not path.overridden:
        return {field: value for field, value in task.items() if field not in ("path", "source")}
    if path.folder is None or not isinstance(task.get("path"), str):
        return dict(task)
    field = ".".join((*key, "path"))
    try:
        fields = fields_of(load_task_file(path.folder / task["path"]), task["path"])
    except UnusableTask as error:
        faults.append(Fault(path.where, field, str(error), "a Python file that defines one task; see docs/tasks.md"))
        return dict(task)
    if name.overridden == path.overridden and task.get("name", fields["name"]) != fields["name"]:
        faults.append(
            Fault(
                path.where,
                field,
                f"the file defines the task {fields['name']!r}",
                f"name: {fields['name']}, or no name",
            )
        )
    return {**task, **fields}
