"""Import rules: which package may import which, and no import cycles."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "scenarios": set(),
    "memory": set(),
    "agents": {"memory"},
    "tools": {"memory", "scenarios"},
    "graph": {"agents", "memory", "scenarios", "tools"},
}
"""By package: the other packages that it may import."""
PACKAGES = tuple(MAY_IMPORT)
APPLICATION = "aarlab"
"""The command line, the Python API and everything else in aarlab/ itself. It may import all packages."""
GRAPH_ORDER = ("structure", "calls", "task_choice", "scenario", "flow", "run")
"""Parts of the package graph. Each may import the parts before it."""


@cache
def modules() -> dict[str, Path]:
    """Return the path of each module of the product, by import name."""
    paths: dict[str, Path] = {}
    for folder in (*PACKAGES, APPLICATION):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if folder == APPLICATION else ("aarlab", *parts)
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def imports(module: str, path: Path, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the full name of everything that import statements among `nodes` import."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def syntax_tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def all_nodes(path: Path) -> Iterator[ast.AST]:
    """Yield every syntax node of a file."""
    return ast.walk(syntax_tree(path))


def runtime_nodes(path: Path, *, functions: bool) -> Iterator[ast.AST]:
    """Yield the syntax nodes outside TYPE_CHECKING blocks; nodes inside functions only if `functions` is set."""
    stack: list[ast.AST] = [syntax_tree(path)]
    while stack:
        node = stack.pop()
        yield node
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        in_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not for_types and (functions or not in_function):
            stack += ast.iter_child_nodes(node)


def package_of(name: str) -> str | None:
    """Return the package of a full name, or APPLICATION; None for other distributions and aarlab.__version__."""
    parts = name.split(".")
    if parts[0] != "aarlab" or parts[1:] in ([], ["__version__"]):
        return None
    return parts[1] if parts[1] in PACKAGES else APPLICATION


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_allowed_packages(package: str) -> None:
    allowed = {package, None} | MAY_IMPORT[package]
    forbidden = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if module.startswith(f"aarlab.{package}.")
        for name in imports(module, path, all_nodes(path))
        if package_of(name) not in allowed
    ]
    assert forbidden == []


@pytest.mark.parametrize("part", GRAPH_ORDER)
def test_graph_parts_import_only_the_parts_before_them(part: str) -> None:
    allowed = GRAPH_ORDER[: GRAPH_ORDER.index(part) + 1]
    forbidden = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if module.split(".")[1:3] == ["graph", part]
        for name in imports(module, path, all_nodes(path))
        if name.startswith("aarlab.graph.") and name.split(".")[2] not in allowed
    ]
    assert forbidden == []


def test_every_graph_module_belongs_to_a_part() -> None:
    parts = {module.split(".")[2] for module in modules() if module.startswith("aarlab.graph.")}
    assert parts == set(GRAPH_ORDER)


def test_packages_are_imported_as_parts_of_aarlab() -> None:
    top_level = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imports(module, path, all_nodes(path))
        if name.split(".")[0] in PACKAGES
    ]
    assert top_level == [], "top-level packages named agents, tools, ... may belong to other distributions"


def test_imports_have_no_cycle() -> None:
    known = modules()
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, path in known.items():
        for name in imports(module, path, runtime_nodes(path, functions=False)):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module:
                graph.add_edge(module, target)
    assert list(nx.simple_cycles(graph)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_root_folders_are_not_top_level_packages(package: str) -> None:
    assert (ROOT / package).is_dir()
    assert not (ROOT / package / "__init__.py").exists(), "it would be importable under a name that others use"


def test_inner_folders_are_regular_packages() -> None:
    folders = {path.parent for package in (*PACKAGES, APPLICATION) for path in (ROOT / package).rglob("*.py")}
    inner = {folder for folder in folders if folder.parent != ROOT}
    assert [str(folder) for folder in sorted(inner) if not (folder / "__init__.py").is_file()] == []


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_imported_distributions_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # The extra `dev` is not installed with the product.
    extras = [
        requirement
        for extra, requirements in project["optional-dependencies"].items()
        if extra != "dev"
        for requirement in requirements
    ]
    requirements = [*project["dependencies"], *extras]
    declared = {_normalised(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in requirements}
    # The distribution of an extra that is not installed is assumed to have the name of its import, or to begin with it.
    distributions = packages_distributions()

    def is_declared(top: str) -> bool:
        if top in distributions:
            return bool(declared & {_normalised(distribution) for distribution in distributions[top]})
        return any(name == _normalised(top) or name.startswith(f"{_normalised(top)}-") for name in declared)

    undeclared = {
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imports(module, path, runtime_nodes(path, functions=True))
        if (top := name.split(".")[0]) != "aarlab" and top not in sys.stdlib_module_names
        if not is_declared(top)
    }
    assert sorted(undeclared) == []
