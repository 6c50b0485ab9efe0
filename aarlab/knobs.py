"""What the knobs of a task mean: its own words about its fields."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise

from aarlab.scenarios.task import Task


def meanings(task: Task) -> Mapping[str, str]:
    """Return what each knob means, by name: the string below its field, empty where there is none."""
    return {knob: " ".join(_documented(type(task)).get(knob, "").split()) for knob in task.knobs}


def _documented(kind: type) -> dict[str, str]:
    """Return the docstrings of a class's fields."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: below.value.value
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
