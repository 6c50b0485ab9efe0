"""The walls of the house: which room may import which, and that nothing goes in a circle."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
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
ROOMS = tuple(MAY_IMPORT)
FRONT_OFFICE = "aarlab"


def modules() -> dict[str, Path]:
    """Return every module of the product by the name under which it is imported."""
    found: dict[str, Path] = {}
    for folder in (*ROOMS, FRONT_OFFICE):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if folder == FRONT_OFFICE else ("aarlab", *parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the full names that import statements among `nodes` name: of modules, or of what is in them."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def everywhere(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def when_running(path: Path, *, functions: bool) -> Iterator[ast.AST]:
    """Yield the statements that are not for type checkers only; those in functions, which run later, if asked for."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        yield node
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not for_types and (functions or not later):
            waiting += ast.iter_child_nodes(node)


def room_of(name: str) -> str | None:
    """Return the room a full name belongs to, or the front office; None for what belongs to everybody."""
    parts = name.split(".")
    if parts[0] != "aarlab":
        return None
    # The version stands in the package itself and belongs to everybody.
    if parts[1:] in ([], ["__version__"]):
        return None
    return parts[1] if parts[1] in ROOMS else FRONT_OFFICE


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_it_stands_on(room: str) -> None:
    allowed = {room, None} | MAY_IMPORT[room]
    trespasses = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if module.startswith(f"aarlab.{room}.")
        for name in imports(module, path, everywhere(path))
        if room_of(name) not in allowed
    ]
    assert trespasses == []


def test_rooms_are_not_imported_by_their_plain_names() -> None:
    plain = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imports(module, path, everywhere(path))
        if name.split(".")[0] in ROOMS
    ]
    assert plain == [], "agents, tools, ... as top-level packages belong to others"


def test_no_module_needs_itself_to_be_loaded() -> None:
    known = modules()
    graph: nx.DiGraph[str] = nx.DiGraph()
    for module, path in known.items():
        for name in imports(module, path, when_running(path, functions=False)):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module:
                graph.add_edge(module, target)
    assert list(nx.simple_cycles(graph)) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_no_package_of_its_own(room: str) -> None:
    assert (ROOT / room).is_dir()
    assert not (ROOT / room / "__init__.py").exists(), "it would be importable under its plain name, which others use"


def test_packages_inside_a_room_are_regular_packages() -> None:
    folders = {path.parent for room in (*ROOMS, FRONT_OFFICE) for path in (ROOT / room).rglob("*.py")}
    inner = {folder for folder in folders if folder.parent != ROOT}
    assert [str(folder) for folder in sorted(inner) if not (folder / "__init__.py").is_file()] == []


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # Extras are named by those who have a use for them; what is for developers only is not there in a run.
    extras = [
        wanted for extra, listed in project["optional-dependencies"].items() if extra != "dev" for wanted in listed
    ]
    wanted_by_all = [*project["dependencies"], *extras]
    declared = {_plain(re.split(r"[^A-Za-z0-9._-]", wanted)[0]) for wanted in wanted_by_all}
    # An extra that is not installed is looked for under the name by which it is imported.
    distributions = packages_distributions()
    undeclared = {
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imports(module, path, when_running(path, functions=True))
        if (top := name.split(".")[0]) != "aarlab" and top not in sys.stdlib_module_names
        if not declared & {_plain(distribution) for distribution in distributions.get(top, [top])}
    }
    assert sorted(undeclared) == [], "what is there by chance today is missing tomorrow"
