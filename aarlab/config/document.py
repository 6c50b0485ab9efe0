"""Reading YAML files as plain values, with the line of every key."""

import shlex
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, MappingNode, Node, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aarlab.config.errors import ConfigError, Fault

_SQLITE_HEADER = b"SQLite format 3\0"
"""First bytes of a run file."""

Key = tuple[str, ...]
"""Path of a field: `("budget", "hours")`."""


@dataclass(frozen=True, slots=True)
class ValueSource:
    """The origin of a value."""

    where: str
    """`file:line`, or the override as it was given."""
    overridden: bool = False
    """Whether it comes from an override."""
    folder: Path | None = None
    """Folder that relative paths in the value refer to; None for values from run files: their paths are not loaded."""


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a file."""

    name: str
    data: dict[str, Any]
    sources: dict[Key, ValueSource]
    """The origin of every key, in the order of the file."""

    def source_of(self, *key: str) -> ValueSource:
        """Return the origin of a key, or of the innermost section around it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.sources:
                return self.sources[key[:length]]
        return ValueSource(self.name)


def read_document(path: Path) -> Document:
    """Read a YAML 1.2 file that holds one mapping.

    Raises:
        ConfigError: The file cannot be read, is not YAML, is empty, is not a mapping, or has a duplicate key.
    """
    name = str(path)
    text = _read(path)
    try:
        node = _yaml().compose(text)
        data = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError([_syntax_fault(name, error)]) from None
    except ValueError as error:
        # For example a date such as 2026-02-30.
        raise ConfigError([Fault(name, None, f"invalid YAML value: {error}", None)]) from None
    if node is None:
        raise ConfigError([Fault(name, None, "an empty file", "at least one key, such as `task: chat`")])
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else "a single value"
        raise ConfigError([Fault(f"{name}:1", None, kind, "keys with values, such as `task: chat`")])
    sources: dict[Key, ValueSource] = {}
    faults: list[Fault] = []
    _collect_sources(node, (), path, sources, faults, set())
    if faults:
        raise ConfigError(faults)
    return Document(name, data, sources)


def document_from(name: str, data: dict[str, Any], folder: Path | None = None) -> Document:
    """Return plain values as a document.

    Args:
        name: The origin of every key, for faults.
        data: The values.
        folder: Folder of relative paths in the values; None if they come from a run file.
    """
    return Document(name, data, _sources(ValueSource(name, folder=folder), data, ()))


def _sources(source: ValueSource, data: Any, path: Key) -> dict[Key, ValueSource]:
    sources: dict[Key, ValueSource] = {}
    if isinstance(data, dict):
        for key, value in data.items():
            sources[(*path, key)] = source
            sources |= _sources(source, value, (*path, key))
    return sources


def parse_value(text: str) -> Any:
    """Return a YAML scalar or flow collection as plain values. Raises ValueError with the problem."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        raise ValueError(error.problem or "it cannot be read") from None


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    # `_collect_sources` reports all duplicate keys with their lines.
    yaml.allow_duplicate_keys = True
    return yaml


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(_SQLITE_HEADER):
            fix = f"aarlab show {shlex.quote(str(path))} shows it, aarlab resume {shlex.quote(str(path))} continues it"
            raise ConfigError([Fault(str(path), None, "it is a run file", "a YAML file", fix)])
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), None, "the file is not UTF-8", "a YAML file")]) from None
    except OSError as error:
        problem = f"the file cannot be read ({(error.strerror or str(error)).lower()})"
        raise ConfigError([Fault(str(path), None, problem, "a readable YAML file")]) from None


def _syntax_fault(name: str, error: YAMLError) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return Fault(name, None, f"not YAML: {str(error).splitlines()[0]}", None)
    mark = error.problem_mark or error.context_mark
    where = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
    details = " ".join(part for part in (error.context, error.problem) if part)
    return Fault(where, None, f"not YAML: {details}", None)


def _collect_sources(
    node: Node, path: Key, file: Path, sources: dict[Key, ValueSource], faults: list[Fault], visited: set[int]
) -> None:
    # An aliased node is visited once, which bounds the cost of cyclic and of nested aliases.
    if not isinstance(node, MappingNode) or id(node) in visited:
        return
    visited.add(id(node))
    first_line: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        key_path = (*path, key)
        if key in first_line:
            problem = f"duplicate key, first in line {first_line[key]}"
            faults.append(Fault(f"{file}:{line}", ".".join(key_path), problem, "each key once"))
            continue
        first_line[key] = line
        sources[key_path] = ValueSource(f"{file}:{line}", folder=file.parent)
        _collect_sources(value_node, key_path, file, sources, faults, visited)


def yaml_text(data: Any) -> str:
    """Return plain values as YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # Keep the order of definition. `vars`, as the stubs type the attribute as None.
    vars(yaml)["sort_base_mapping_type_on_output"] = False
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
