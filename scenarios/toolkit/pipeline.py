"""Methods that are plain pipelines, as data: `start`, operators with literal settings, `finish`, and nothing else.

Such a method can be executed without executing its code. Methods do not use this module, so the toolkit does not
re-export it.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aarlab.scenarios import toolkit
from aarlab.scenarios.toolkit.inputs import FloatArray, Inputs
from aarlab.scenarios.toolkit.method_analysis import drop_docstrings, parse_method, source_of
from aarlab.scenarios.toolkit.operators import finish, operator_families, start

MAX_STEPS: Final = 16
"""Longer pipelines are not recognised, because nothing limits their time here."""

Setting = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """One operator of a pipeline."""

    operator: str
    """Name of the operator."""
    settings: Mapping[str, Setting]
    """Settings by name; the operator checks them."""


@lru_cache(maxsize=1024)
def parse_pipeline(code: str) -> tuple[PipelineStep, ...] | None:
    """Return the steps of a method that is a plain pipeline, None for every other method.

    A plain pipeline imports the toolkit as `tk` and defines `method(world)` as `s = tk.start(world)`, up to `MAX_STEPS`
    statements `s = tk.OPERATOR(s, setting=LITERAL, ...)`, and `return tk.finish(s)`. Docstrings, comments and the
    annotations of the baselines are allowed.
    """
    tree = parse_method(code)
    if tree is None:
        return None
    drop_docstrings(tree)
    match tree.body:
        case [
            ast.ImportFrom(module="aarlab.scenarios", names=[ast.alias(name="toolkit", asname="tk")], level=0),
            ast.FunctionDef(name="method", decorator_list=[], body=[first, *middle, last]) as method,
        ] if len(middle) <= MAX_STEPS and _is_plain(method, first, last):
            steps = [step for statement in middle if (step := _step(statement)) is not None]
            return tuple(steps) if len(steps) == len(middle) else None
    return None


def run_pipeline(steps: tuple[PipelineStep, ...], world: Inputs) -> FloatArray:
    """Return the (m,) predictions of a pipeline. Raises what its operators raise."""
    data = start(world)
    for step in steps:
        data = getattr(toolkit, step.operator)(data, **step.settings)
    return finish(data)


def _is_plain(method: ast.FunctionDef, first: ast.stmt, last: ast.stmt) -> bool:
    """Return whether signature, first and last statement are those of a pipeline."""
    return (
        source_of(method.args) in ("world", "world: tk.Inputs")
        and (method.returns is None or source_of(method.returns) == "tk.FloatArray")
        and source_of(first) == "s = tk.start(world)"
        and source_of(last) == "return tk.finish(s)"
    )


def _step(statement: ast.stmt) -> PipelineStep | None:
    """Return the step of a statement, None if it is none."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id="s")],
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="tk"), attr=name), args=[ast.Name(id="s")], keywords=keywords
            ),
            type_comment=None,
        ) if name in _OPERATORS:
            settings: dict[str, Setting] = {}
            for keyword in keywords:
                if keyword.arg is None or not _is_literal(keyword.value):
                    return None
                settings[keyword.arg] = ast.literal_eval(keyword.value)
            return PipelineStep(name, settings)
    return None


def _is_literal(value: ast.expr) -> bool:
    """Return whether an expression is a number, a string, a truth value or None."""
    match value:
        case ast.Constant(value=constant):
            return isinstance(constant, int | float | str | None)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=constant)):
            return isinstance(constant, int | float) and not isinstance(constant, bool)
    return False


_OPERATORS: Final = operator_families().keys() & set(toolkit.__all__)
