"""All tasks, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aarlab.scenarios.task import Knobs, Task
from aarlab.scenarios.tasks.chat import Chat
from aarlab.scenarios.tasks.code import Code
from aarlab.scenarios.tasks.digits import Digits
from aarlab.scenarios.tasks.math import Math

_CLASSES: Mapping[str, Callable[..., Task]] = {kind.name: kind for kind in (Chat, Math, Code, Digits)}

TASKS: Mapping[str, Task] = MappingProxyType({name: kind() for name, kind in _CLASSES.items()})
"""Every task with its default knobs."""


class UnknownTask(ValueError):
    """No task has this name, or the task has no such knob."""


def task(name: str, knobs: Knobs | None = None) -> Task:
    """Return the task of a name, with some of its difficulty knobs turned.

    Raises UnknownTask for a name or a knob that does not exist, naming those that do, and ValueError for a value that
    the knob cannot take.
    """
    if name not in _CLASSES:
        raise UnknownTask(f"no task is called {name!r}; there are: {', '.join(_CLASSES)}")
    defaults = TASKS[name].knobs
    for knob, value in (knobs or {}).items():
        if knob not in defaults:
            raise UnknownTask(f"{name} has no knob {knob!r}; it has: {', '.join(defaults)}")
        wanted = type(defaults[knob])
        allowed = (int, float) if wanted is float else (wanted,)
        if isinstance(value, bool) or not isinstance(value, allowed):
            raise ValueError(f"{name}: {knob} is {wanted.__name__}, as in {defaults[knob]!r}; got {value!r}")
    return _CLASSES[name](**(knobs or {}))
