"""Recognise known methods: a method whose code equals that of a baseline is a replication, not an idea.

Two codes are equal if they have the same normal form: the same operators with the same settings in the same program.
Comments, docstrings, annotations, formatting, names of variables, import aliases, the order of settings, and settings
that are written out with their default value do not count. Nor does a variable that only the next statement reads.
"""

import ast
from contextlib import suppress
from functools import cache, lru_cache

from aarlab.scenarios import baselines
from aarlab.scenarios.toolkit.method_analysis import drop_docstrings, imported_names, parse_method, source_of
from aarlab.scenarios.toolkit.operators import catalogue

_DEFAULTS: dict[str, dict[str, float | int | str | bool | None]] = {
    entry["name"]: {name: setting["default"] for name, setting in entry["settings"].items()}
    for entry in (*catalogue(), *catalogue(fine_tuned=True))
}
_MAX_STATEMENTS = 64
"""Longer functions stay as they are, because the time grows with the square of their length."""
_NESTED_SCOPES = (
    ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Global, ast.Nonlocal,
)  # fmt: skip


def known_method(code: str) -> str | None:
    """Return the name of the baseline with the same normal form as the code; None if there is none."""
    return _baselines_by_normal_form().get(normal_form(code))


def same_method(code: str, other: str) -> bool:
    """Return whether two codes have the same normal form."""
    return code == other or normal_form(code) == normal_form(other)


@lru_cache(maxsize=2**15)  # monitors and measures read the same methods
def normal_form(code: str) -> str:
    """Return the normal form of a method's code; the code itself if it cannot be parsed, or written (`source_of`)."""
    tree = parse_method(code)
    if tree is None:
        return code
    try:
        aliases = dict(imported_names(tree))
        drop_docstrings(tree)
        tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            function.body = _inlined(function.body)
        normalised = _Normaliser(aliases, _bound_names(tree)).visit(tree)
        source = source_of(ast.fix_missing_locations(normalised))
    except RecursionError:
        source = None
    return code if source is None else source


@cache
def _baselines_by_normal_form() -> dict[str, str]:
    return {normal_form(baseline.code): name for name, baseline in reversed(list(baselines.load().items()))}


def _inlined(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a function with variables that only the next statement reads, once, by their values.

    `s = start(world)`, `s = bag(s)`, `return finish(s)` becomes `return finish(bag(start(world)))`.
    """
    nested = any(isinstance(node, _NESTED_SCOPES) for statement in body for node in ast.walk(statement))
    if nested or len(body) > _MAX_STATEMENTS:
        return body  # a nested function may read a variable later, a comprehension several times
    kept: list[ast.stmt] = []
    for number, statement in enumerate(body):
        match kept[-1] if kept else None:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                isinstance(statement, ast.Assign | ast.Return)
                and _reads(name, [statement]) == 1
                and (_is_assigned(name, statement) or not _reads(name, body[number + 1 :]))
            ):
                kept[-1] = _Replacement(name, value).visit(statement)
            case _:
                kept.append(statement)
    return kept


def _reads(name: str, statements: list[ast.stmt]) -> int:
    """Return how often statements read a variable."""
    nodes = (node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name))
    return sum(node.id == name and isinstance(node.ctx, ast.Load) for node in nodes)


def _is_assigned(name: str, statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)]):
            return target == name
    return False


class _Replacement(ast.NodeTransformer):
    """Replaces the reading of a variable by its value."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self._name, self._value = name, value

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return the value instead of a reading of the variable."""
        return self._value if node.id == self._name and isinstance(node.ctx, ast.Load) else node


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """Return a new name for each variable, argument and function, in the order of their first appearance."""
    bound: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            bound[node.arg] = None
        elif isinstance(node, ast.FunctionDef) and node.name != "method":
            bound[node.name] = None
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = None
    return {name: f"v{i}" for i, name in enumerate(bound)}


class _Normaliser(ast.NodeTransformer):
    """Rewrites a syntax tree to its normal form."""

    def __init__(self, aliases: dict[str, str], bound: dict[str, str]) -> None:
        self._aliases, self._bound = aliases, bound

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace a variable by its new name, and an alias by the full name of what it imports."""
        return ast.Name(self._bound.get(node.id) or self._aliases.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Replace the name of an argument and drop its annotation."""
        return ast.arg(self._bound.get(node.arg, node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the annotation of the result."""
        node.returns, node.name = None, self._bound.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Replace an annotated assignment by a plain one."""
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value))

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Write integers and real numbers alike."""
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            with suppress(OverflowError):  # an integer that is too large for a real number stays as it is
                return ast.Constant(float(node.value))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Sort the named settings of a call, and write out the defaults of operators."""
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        if len(given) == len(node.keywords):
            defaults = {key: ast.Constant(value) for key, value in _DEFAULTS.get(name, {}).items()}
            settings = {**defaults, **given}
            node.keywords = [ast.keyword(key, settings[key]) for key in sorted(settings)]
        return self.generic_visit(node)
