"""Variants of a method: without some of its components, or with other settings.

A component is a call of a toolkit operator. Without it, the call is replaced by its first argument, the training set.
"""

import ast
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aarlab.scenarios.toolkit.method_analysis import imported_names, operator_named, parse_method, source_of
from aarlab.scenarios.toolkit.operators import operator_entry

TUNING_SD = 0.25
"""Standard deviation of the change of a setting, as a share of its range."""


@dataclass(frozen=True, slots=True)
class Component:
    """One call of a toolkit operator in a method."""

    operator: str
    settings: Mapping[str, object]
    """The settings that the code gives as literals, by name."""

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"


def components(code: str) -> tuple[Component, ...]:
    """Return the components of a method in the order of its code.

    There are none if it does not parse, uses no operator, or is one of the few programs that `source_of` cannot write.
    """
    tree = parse_method(code)
    if tree is None or source_of(tree) is None:
        return ()
    return tuple(Component(name, _literals(call)) for name, call in _calls(tree))


def without(code: str, removed: Collection[int]) -> str:
    """Return the method without some of its components, given their positions in `components`.

    Raises:
        IndexError: The method has no such component.
    """
    tree = parse_method(code)
    calls = [] if tree is None else [call for _, call in _calls(tree)]
    if tree is None or any(not 0 <= position < len(calls) for position in removed):
        raise IndexError(f"the method has {len(calls)} components, not {sorted(removed)}")
    cut = _Removal({id(calls[position]) for position in removed})
    return ast.unparse(ast.fix_missing_locations(cut.visit(tree)))


def retuned(code: str, rng: np.random.Generator) -> str:
    """Return the method with all settings of its components changed; the code itself if it has no setting.

    Numbers change by normal noise (`TUNING_SD`) within their range, options are drawn again with probability 1/2.
    """
    tree = parse_method(code)
    if tree is None:
        return code
    changed = False
    for name, call in _calls(tree):
        entries, given = operator_entry(name)["settings"], _literals(call)
        kept = [keyword for keyword in call.keywords if keyword.arg not in entries or keyword.arg not in given]
        open_ = {keyword.arg for keyword in kept}
        drawn = {
            setting: _changed_value(given.get(setting, entry["default"]), entry, rng)
            for setting, entry in entries.items()
            if setting not in open_
        }
        call.keywords = [*kept, *(ast.keyword(setting, ast.Constant(value)) for setting, value in drawn.items())]
        changed = changed or bool(drawn)
    return (source_of(ast.fix_missing_locations(tree)) or code) if changed else code


def _changed_value(value: object, entry: Mapping[str, Any], rng: np.random.Generator) -> Any:
    """Return another value of a setting, given its catalogue entry; numbers have two significant digits."""
    step, redraw = float(rng.normal()), float(rng.random())
    if "options" in entry:
        options = entry["options"]
        return options[int(redraw * 2 * len(options))] if redraw < 0.5 or value not in options else value
    low, high, log = entry["low"], entry["high"], entry["scale"] == "log"
    at = float(min(high, max(low, value)) if isinstance(value, int | float) else entry["default"])
    ends = [math.log(end) if log else end for end in (low, high)]
    moved = (math.log(at) if log else at) + TUNING_SD * (ends[1] - ends[0]) * step
    moved = math.exp(min(ends[1], max(ends[0], moved))) if log else moved
    rounded = min(high, max(low, float(f"{moved:.2g}")))
    return round(rounded) if entry["kind"] == "int" else float(rounded)


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of operators with a training set as first argument, in the order in which they end."""
    names = dict(imported_names(tree))
    found = [
        (node.end_lineno or 0, node.end_col_offset or 0, name, node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and (name := operator_named(node.func, names)) is not None
    ]
    yield from ((name, node) for _, _, name, node in sorted(found, key=lambda row: row[:2]))


def _literals(call: ast.Call) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        try:
            if keyword.arg is not None:
                values[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError, MemoryError):  # no literal, or one that Python cannot build
            continue
    return values


class _Removal(ast.NodeTransformer):
    """Replaces calls by their first argument, and drops assignments of a variable to itself."""

    def __init__(self, removed: Collection[int]) -> None:
        self._removed = removed

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return the first argument of a removed call."""
        self.generic_visit(node)
        return node.args[0] if id(node) in self._removed else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the empty statements that remain of assignments."""
        self.generic_visit(node)
        node.body = [statement for statement in node.body if not isinstance(statement, ast.Pass)] or [ast.Pass()]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Replace `s = s` by an empty statement."""
        self.generic_visit(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Name(id=value)) if target == value:
                return ast.Pass()
        return node
