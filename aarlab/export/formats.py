"""The export formats: built-in formats and those that installed packages add."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType

from aarlab.config.errors import ConfigError, Fault, did_you_mean
from aarlab.memory.run_reader import RunReader

ENTRY_POINT_GROUP = "aarlab.exporters"
"""Each entry point of this group is an `ExportFormat`. The name of the entry point is the name of the format."""

Writer = Callable[[RunReader, Path], None]
"""Writes an open run file to a new file or folder at a path. The parent folder exists."""
RunLogger = Callable[[RunReader, str, str], None]
"""Logs an open run file to a tracker, given the names of a project and of the arm of the run. Raises TrackerError."""


class TrackerError(Exception):
    """An experiment tracker is not configured, refuses, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format of `aarlab export`."""

    name: str
    """Value of `--format`."""
    description: str
    """Contents of the format and the tools that read it, as a phrase for the help text."""
    ending: str
    """Appended to the name of the run to make the default output path, such as `.md`, or `-csv` for a folder."""
    writer: str
    """The `Writer` as `module:function`. Its module is imported when a run is exported."""
    extra: str | None = None
    """Extra of aarlab that installs the packages that the writer imports. None: the dependencies of aarlab suffice."""
    tracker: bool = False
    """Whether it is an experiment tracker, for `--to`. Its writer is a `RunLogger`, and it writes to no path."""


FORMATS: Mapping[str, ExportFormat] = MappingProxyType({
    format.name: format
    for format in (
        ExportFormat(
            "jsonl", "the complete run, for `aarlab import` and jq", ".jsonl", "aarlab.export.jsonl_export:write_jsonl"
        ),
        ExportFormat(
            "inspect", "an Inspect log", ".eval", "aarlab.export.inspect.log_writer:write_inspect", extra="inspect"
        ),
        ExportFormat(
            "graphml", "the lineage of findings, for networkx", ".graphml", "aarlab.export.lineage_graph:write_graphml"
        ),
        ExportFormat("gexf", "the lineage of findings, for Gephi", ".gexf", "aarlab.export.lineage_graph:write_gexf"),
        ExportFormat("csv", "a folder of tables", "-csv", "aarlab.export.csv_tables:write_tables"),
    )
})  # fmt: skip
"""The built-in formats by name."""
TRACKERS: Mapping[str, ExportFormat] = MappingProxyType({
    format.name: format
    for format in (
        ExportFormat("mlflow", "MLflow", "", "aarlab.export.mlflow_tracker:log_run", "mlflow", tracker=True),
        ExportFormat("wandb", "Weights & Biases", "", "aarlab.export.wandb_tracker:log_run", "wandb", tracker=True),
    )
})  # fmt: skip
"""The built-in trackers by name."""
_BUILT_IN = MappingProxyType({**FORMATS, **TRACKERS})


def installed_formats() -> dict[str, list[EntryPoint]]:
    """Return the entry points of formats from other packages, by format name. None of them is loaded.

    A name that several packages use has several entry points. The name of a built-in format cannot be taken.
    """
    points: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: (point.name, package_name(point))):
        if point.name not in _BUILT_IN:
            points.setdefault(point.name, []).append(point)
    return points


def package_name(point: EntryPoint) -> str:
    """Return the name of the package that has an entry point."""
    return point.dist.name if point.dist else point.value


def format_names() -> list[str]:
    """Return the names of all formats, the built-in ones first."""
    return [*FORMATS, *installed_formats()]


def tracker_names() -> list[str]:
    """Return the names of the built-in trackers, and of the formats of packages, which may be trackers."""
    return [*TRACKERS, *installed_formats()]


def describe_formats() -> str:
    """Return one sentence that names and describes all formats, for help texts."""
    needs = {name: f" (needs the extra `{format.extra}`)" if format.extra else "" for name, format in FORMATS.items()}
    phrases = [f"`{format.name}`: {format.description}{needs[format.name]}" for format in FORMATS.values()]
    for name, points in installed_formats().items():
        phrases.append(f"`{name}`: from the package {' and '.join(map(package_name, points))}")
    return "; ".join(phrases) + "."


def find_format(name: str) -> ExportFormat:
    """Return the format with a name.

    Raises:
        ConfigError: No format has this name, several packages have it, or the package that has it cannot be loaded.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    match installed_formats().get(name, []):
        case [point]:
            return _load_entry_point(point)
        case []:
            names = format_names()
            raise _format_error(name, "no such format", ", ".join(names), did_you_mean(name, names))
        case points:
            packages = ", ".join(map(package_name, points))
            raise _format_error(name, f"several packages have a format of this name: {packages}", "one of them")


def _load_entry_point(point: EntryPoint) -> ExportFormat:
    """Import the package of a format and return the format."""
    package = f"the package {package_name(point)!r}"
    try:
        format = point.load()
    except Exception as error:
        raise _format_error(point.name, f"{package} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(format, ExportFormat) or format.name != point.name:
        raise _format_error(point.name, f"{package} has no ExportFormat of this name", "see docs/export.md")
    return format


def load(format: ExportFormat) -> Callable[..., None]:
    """Import and return the writer of a format: a `Writer`, or a `RunLogger` for a tracker.

    Raises:
        ConfigError: The writer cannot be imported. The message names the extra to install, if there is one.
    """
    try:
        writer: Callable[..., None] = resolve_name(format.writer)
    except (ImportError, AttributeError) as error:
        hint = f"pip install 'aarlab[{format.extra}]'" if format.extra else None
        raise _format_error(format.name, f"its writer cannot be imported: {error}", None, hint) from error
    return writer


def _format_error(name: str, problem: str, expected: str | None = None, fix: str | None = None) -> ConfigError:
    return ConfigError([Fault(f"--format {name}", None, problem, expected, fix)])
