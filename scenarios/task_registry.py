"""Tasks by name: built-in ones and those of installed packages.

A package adds a task by an entry point of the group `aarlab.tasks`. The name of the entry point is the task's name, and
its value is a subclass of `SeededTask`. `docs/example-task` is a complete package.
"""

import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from aarlab.scenarios.task import Task, TaskParameters
from aarlab.scenarios.tasks.chat import Chat
from aarlab.scenarios.tasks.code import Code
from aarlab.scenarios.tasks.digits import Digits
from aarlab.scenarios.tasks.embedded_texts import Headlines, Spam
from aarlab.scenarios.tasks.hf import HF
from aarlab.scenarios.tasks.math import Math
from aarlab.scenarios.tasks.nk import NK
from aarlab.scenarios.tasks.seeded_task import SeededTask

ENTRY_POINT_GROUP = "aarlab.tasks"

BUILT_IN: Mapping[str, type[SeededTask]] = MappingProxyType(
    {task.name: task for task in (Chat, Math, Code, Digits, Headlines, Spam, NK, HF)}
)
"""Tasks that come with aarlab, by name."""
SUPERVISION_TASKS: tuple[str, ...] = tuple(
    name for name, task in BUILT_IN.items() if not task.single_world and not task.fine_tunes
)
"""Names of the built-in tasks of weak-to-strong supervision that need no data."""


class UnknownTask(ValueError):
    """No task has this name."""


class UnusableTask(ValueError):
    """A task from a package or file cannot be loaded, or its class is invalid."""


class InvalidTaskParameter(ValueError):
    """The task has no such parameter, or the parameter cannot have this value."""

    def __init__(self, message: str, parameter: str | None) -> None:
        """Store the message and the name of the parameter; None if the error concerns several."""
        super().__init__(message)
        self.parameter = parameter


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks: built-in ones, then those of packages. No package is imported."""
    return (*BUILT_IN, *sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)} - BUILT_IN.keys()))


def task_class(name: str) -> type[SeededTask]:
    """Return the class of a task.

    Raises:
        UnknownTask: No task has this name; the message lists the names.
        UnusableTask: The package cannot be loaded, or its class is invalid; the message names the package.
    """
    return BUILT_IN[name] if name in BUILT_IN else _load(_entry_point(name))


def is_single_world(task: Mapping[str, Any]) -> bool:
    """Return whether a run of a recorded task has a single world, given the section `task` of its scenario."""
    source = task.get("source")
    return task_class(task["name"]).single_world if source is None else bool(source["single_world"])


def fine_tunes(task: Mapping[str, Any]) -> bool:
    """Return whether a recorded task's student is fine-tuned, given the section `task` of its scenario."""
    return task.get("source") is None and task_class(task["name"]).fine_tunes


def score_name_of(task: Mapping[str, Any]) -> str:
    """Return the name of a recorded task's score, given the section `task` of its scenario."""
    source = task.get("source")
    return task_class(task["name"]).score_name if source is None else str(source["score_name"])


def make_task(name: str, parameters: TaskParameters | None = None) -> SeededTask:
    """Return a task with the given parameters and the defaults of the others.

    Raises:
        UnknownTask, UnusableTask: As for `task_class`.
        InvalidTaskParameter: A parameter does not exist, or cannot have its value.
    """
    return instantiate(task_class(name), parameters)


def instantiate(kind: type[SeededTask], parameters: TaskParameters | None = None) -> SeededTask:
    """Return a task of a class. Raises InvalidTaskParameter."""
    try:
        return kind(**(parameters or {}))
    except ValidationError as error:
        details = error.errors()[0]
        parameter = str(details["loc"][0]) if details["loc"] else None
        if details["type"] == "extra_forbidden":
            message = f"{kind.name} has no parameter {parameter!r}; it has: {', '.join(kind.model_fields)}"
        else:
            problem = details["msg"].removeprefix("Value error, ")
            message = f"{kind.name}: " + (problem if parameter is None else f"{parameter}: {problem}")
            message += "" if parameter is None else f", not {details['input']!r}"
        raise InvalidTaskParameter(message, parameter) from None


def task_version(task: Task | type[Task]) -> str:
    """Return the version of a task's code.

    It is "" for a built-in task, `DISTRIBUTION VERSION` for the task of a package, and the SHA-256 of a task file.
    """
    return _versions.get(task if isinstance(task, type) else type(task), "")


def name_conflicts() -> list[str]:
    """Return a sentence for each task of a package that is ignored because it has the name of a built-in task."""
    return [
        f"The task {point.name!r} of the package {_distribution(point)!r} is ignored: a built-in task has this name."
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if point.name in BUILT_IN
    ]


def register_task_class(kind: object, origin: str, version: str) -> type[SeededTask]:
    """Check the class of a task that is not built in, record its version, and return the class.

    Raises:
        UnusableTask: The class is invalid; the message begins with `origin`.
    """
    if not (isinstance(kind, type) and issubclass(kind, SeededTask)):
        raise UnusableTask(f"{origin} is not a subclass of aarlab.scenarios.tasks.SeededTask")
    if inspect.isabstract(kind):
        raise UnusableTask(f"{origin} does not define {' and '.join(sorted(kind.__abstractmethods__))}")
    for attribute in ("name", "about"):
        if not isinstance(getattr(kind, attribute, None), str):
            raise UnusableTask(f"{origin} does not define `{attribute}: ClassVar[str]`")
    if kind.name in BUILT_IN:
        raise UnusableTask(f"{origin} has the name of a built-in task, {kind.name!r}; choose another name")
    if required := [name for name, field in kind.model_fields.items() if field.is_required()]:
        raise UnusableTask(f"{origin} has parameters without a default: {', '.join(required)}")
    _versions[kind] = version
    return kind


_versions: dict[type, str] = {}


def _entry_point(name: str) -> EntryPoint:
    points = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if not points:
        raise UnknownTask(f"there is no task {name!r}; the tasks are: {', '.join(task_names())}")
    if len(points) > 1:
        packages = " and ".join(sorted(_distribution(point) for point in points))
        raise UnusableTask(f"several packages define a task {name!r}: {packages}; uninstall all but one")
    return points[0]


def _load(point: EntryPoint) -> type[SeededTask]:
    origin = f"the task {point.name!r} of the package {_distribution(point)!r}"
    try:
        kind = point.load()
    except Exception as error:
        raise UnusableTask(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
    version = f"{_distribution(point)} {point.dist.version if point.dist else ''}".strip()
    checked = register_task_class(kind, origin, version)
    if checked.name != point.name:
        raise UnusableTask(f"{origin} has a class named {checked.name!r}; entry point and class need the same name")
    return checked


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
