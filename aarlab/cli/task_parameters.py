"""What the parameters of a task mean: its own words about its fields."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise

from aarlab.scenarios.task import Task


def knob_descriptions(task: Task) -> Mapping[str, str]:
    """Return what each parameter means, by name: the string below its field, empty where there is none."""
    return {parameter: " ".join(_documented(type(task)).get(parameter, "").split()) for parameter in task.parameters}


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
