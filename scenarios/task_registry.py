"""All tasks, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aarlab.scenarios.task import Task, TaskParameters
from aarlab.scenarios.tasks.chat import Chat
from aarlab.scenarios.tasks.code import Code
from aarlab.scenarios.tasks.digits import Digits
from aarlab.scenarios.tasks.math import Math

_CLASSES: Mapping[str, Callable[..., Task]] = {kind.name: kind for kind in (Chat, Math, Code, Digits)}

TASKS: Mapping[str, Task] = MappingProxyType({name: kind() for name, kind in _CLASSES.items()})
"""Every task with its default parameters."""


class UnknownTask(ValueError):
    """No task has this name, or the task has no such parameter."""


def task(name: str, parameters: TaskParameters | None = None) -> Task:
    """Return the task of a name, with the given difficulty parameters.

    Raises UnknownTask for a name or a parameter that does not exist, naming those that do, and ValueError for a value that
    the parameter cannot take.
    """
    if name not in _CLASSES:
        raise UnknownTask(f"no task is called {name!r}; there are: {', '.join(_CLASSES)}")
    defaults = TASKS[name].parameters
    for parameter, value in (parameters or {}).items():
        if parameter not in defaults:
            raise UnknownTask(f"{name} has no parameter {parameter!r}; it has: {', '.join(defaults)}")
        wanted = type(defaults[parameter])
        allowed = (int, float) if wanted is float else (wanted,)
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise ValueError(f"{name}: {parameter} is {wanted.__name__}, as in {defaults[parameter]!r}; got {value!r}")
    return _CLASSES[name](**(parameters or {}))
