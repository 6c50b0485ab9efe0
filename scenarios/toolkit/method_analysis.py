"""Static analysis of a method's code: operators, family and complexity.

Measures and reviewers use it. Methods do not, so the toolkit does not re-export it.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from aarlab.scenarios.toolkit.operators import operator_families

_TOOLKIT = "aarlab.scenarios.toolkit"
_FAMILY_OF_OPERATOR = operator_families()

NON_LABEL_FAMILIES = ("model internal", "loss function", "other")
"""Families of operators that do not decide which labels the student learns from."""


@dataclass(frozen=True, slots=True)
class Complexity:
    """Complexity of a method, counted in three ways (after the lines and pseudocode of Wen et al. 2026)."""

    operators: int
    """Uses of toolkit operators."""
    ast_nodes: int
    """Nodes of the syntax tree without docstrings: comments, names and layout do not count."""
    lines: int
    """Lines of the normalised code, without comments, docstrings and blank lines."""


@lru_cache(maxsize=2**15)  # several measures and checks read the same methods
def operators_in(code: str) -> tuple[str, ...]:
    """Return the names of the toolkit's operators that the code uses, in order of appearance, with repetitions.

    A use is a call or a reference (`for step in (tk.sharpen, tk.harden)`). Nested calls are listed from the inside out.
    The toolkit may be imported under any name, as a whole or in part. A use in a loop counts once, unreachable uses
    count, and uses by `getattr` are not detected. Code that does not parse has no operators.
    """
    tree = parse_method(code)
    return () if tree is None else tuple(_operators_used(tree))


def family_of(code: str) -> str:
    """Return the family (one of `FAMILIES`) of the code, by the operators that it uses.

    It is the family of the last operator outside `NON_LABEL_FAMILIES`, or else of the last operator; "other" without
    operators.
    """
    used = [_FAMILY_OF_OPERATOR[name] for name in operators_in(code)]
    labelling = [family for family in used if family not in NON_LABEL_FAMILIES]
    return (labelling or used or ["other"])[-1]


def complexity(code: str) -> Complexity | None:
    """Return the complexity of the code; None if it does not parse or cannot be normalised."""
    tree = parse_method(code)
    if tree is None:
        return None
    used = len(_operators_used(tree))
    drop_docstrings(tree)
    normalised = source_of(tree)
    if normalised is None:
        return None
    return Complexity(used, sum(1 for _ in ast.walk(tree)), sum(1 for line in normalised.splitlines() if line.strip()))


def parse_method(code: str) -> ast.Module | None:
    """Return the syntax tree of the code; None if it does not parse."""
    with warnings.catch_warnings():
        # Invalid escapes in a method's strings should not print warnings where measures are computed.
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def source_of(tree: ast.AST) -> str | None:
    """Return the source of a syntax tree; None for the few trees that Python runs and cannot write.

    They are nested too deeply, have an integer of thousands of digits, or a backslash in the expression of an f-string.
    """
    try:
        return ast.unparse(tree)
    except (RecursionError, ValueError):
        return None


def _operators_used(tree: ast.Module) -> list[str]:
    """Return the operators named in expressions, in the order in which their calls end."""
    called_by = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = dict(imported_names(tree))
    uses: list[tuple[int, int, str]] = []
    for node in ast.walk(tree):
        operator = operator_named(node, names)
        if operator is not None:
            call = called_by.get(id(node), node)
            uses.append((getattr(call, "end_lineno", 0), getattr(call, "end_col_offset", 0), operator))
    return [operator for _, _, operator in sorted(uses)]


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, with the full name of the imported object."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    yield from ((name, f"{node.module}.{name}") for name in _FAMILY_OF_OPERATOR)
                else:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def operator_named(node: ast.AST, names: Mapping[str, str]) -> str | None:
    """Return the operator that an expression refers to; None if it refers to none.

    Args:
        node: The expression, such as `tk.bag`.
        names: Full names of what the code imports, as `imported_names` yields them.
    """
    path: list[str] = []
    if not isinstance(getattr(node, "ctx", None), ast.Load):
        return None
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    full = ".".join([names.get(node.id, ""), *reversed(path)])
    module, _, name = full.rpartition(".")
    return name if name in _FAMILY_OF_OPERATOR and (module == _TOOLKIT or module.startswith(f"{_TOOLKIT}.")) else None


def drop_docstrings(tree: ast.Module) -> None:
    """Remove all docstrings from a syntax tree."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [] if len(node.body) > 1 or isinstance(node, ast.Module) else [ast.Pass()]
