"""Tools by name: built-in tools, and tools of installed packages.

A package adds a tool by an entry point of the group `aarlab.tools`, which has the tool's name and refers to a `Tool`.
`docs/example-tool` is a complete package. A scenario gives the tool to its researchers with `team.tools`.
"""

from collections.abc import Container, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Protocol, TypeVar

from aarlab.tools.board_tools import BOARD_TOOLS
from aarlab.tools.experiment_tool import EXPERIMENT_TOOL
from aarlab.tools.tool import Tool
from aarlab.tools.workspace_tools import WORKSPACE_TOOLS

ENTRY_POINT_GROUP = "aarlab.tools"

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {tool.name: tool for tool in (*BOARD_TOOLS, *WORKSPACE_TOOLS, EXPERIMENT_TOOL)}
)
"""Built-in tools by name, in the order in which researchers see them."""


class Named(Protocol):
    """What packages add: it has a name."""

    @property
    def name(self) -> str:
        """Its name, which is that of its entry point."""
        ...


P = TypeVar("P", bound=Named)


class UnknownTool(ValueError):
    """No installed package has a tool of this name."""


class UnusableTool(ValueError):
    """The tool of a package cannot be loaded, or is invalid."""


def installed_tools() -> list[str]:
    """Return the names of the tools of installed packages, sorted. No package is imported."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def load_tool(name: str) -> Tool:
    """Return the tool of an installed package.

    Raises:
        UnknownTool: No package has a tool of this name; the message lists the installed tools.
        UnusableTool: It cannot be loaded, or is invalid; the message names the package.
    """
    points = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if name in TOOLS and not points:
        raise UnknownTool(f"{name!r} is a built-in tool, which researchers always have; remove it from team.tools")
    if not points:
        installed = ", ".join(installed_tools()) or "none"
        raise UnknownTool(f"no installed package has a tool {name!r}; installed tools: {installed}")
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        raise UnusableTool(f"several packages have a tool {name!r}: {packages}; uninstall all but one")
    return _load(points[0])


def _load(point: EntryPoint) -> Tool:
    return load_plugin(point, Tool, TOOLS, UnusableTool, page="docs/example-tool")


def load_plugin(
    point: EntryPoint, kind: type[P], built_in: Container[str], error_class: type[Exception], *, page: str
) -> P:
    """Return what an entry point of a package refers to.

    Args:
        point: The entry point.
        kind: Its type, which has a name.
        built_in: Names that a package cannot use.
        error_class: Raised if it cannot be loaded, or is invalid; the message names the package.
        page: Page of the documentation with an example.
    """
    noun = kind.__name__.lower()
    origin = f"the {noun} {point.name!r} of the package {_package(point)!r}"
    if point.name in built_in:
        raise error_class(f"{origin} has the name of a built-in {noun}; choose another name")
    try:
        plugin = point.load()
    except Exception as error:
        raise error_class(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(plugin, kind):
        raise error_class(f"{origin} is not a {kind.__name__}; see {page}")
    if plugin.name != point.name:
        raise error_class(f"{origin} is named {plugin.name!r}; entry point and {noun} need the same name")
    return plugin


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
