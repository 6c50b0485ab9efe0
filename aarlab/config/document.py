"""A YAML file as plain values, with the place of every key in it."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, MappingNode, Node, SequenceNode
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aarlab.config.errors import ConfigError, Fault

Key = tuple[str, ...]
"""Path of a field: `("budget", "hours")`."""


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value comes from."""

    where: str
    overridden: bool = False
    folder: Path | None = None
    """Folder from which relative paths start; None: the value comes from a run file, and no file that it names is
    loaded.
    """


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says."""

    name: str
    data: dict[str, Any]
    sources: dict[Key, ValueSource]
    """Of every key, in the order of the file."""


def read_document(path: Path) -> Document:
    """Read a YAML 1.2 file that holds one mapping.

    Raises:
        ConfigError: It cannot be read, is not YAML, is empty, is not a mapping, or has a key twice.
    """
    name = str(path)
    text = _read(path)
    try:
        node = _yaml().compose(text)
        data = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError([_syntax_fault(name, error)]) from None
    except ValueError as error:
        # A date that no calendar has, for instance.
        raise ConfigError([Fault(name, None, f"a value that YAML cannot read: {error}", None)]) from None
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
    """Return plain values as a document; `name` is the place of all of them.

    Args:
        name: Name of the document in errors.
        data: The values.
        folder: Folder from which relative paths start; None: the values come from a run file (see `ValueSource`).
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
    """Return a YAML scalar or flow collection as plain values. Raises ValueError, saying what is wrong with it."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        raise ValueError(error.problem or "it cannot be read") from None


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    # They are looked for in `_collect_sources`, which finds them all and knows their lines.
    yaml.allow_duplicate_keys = True
    return yaml


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([Fault(str(path), None, "bytes that are not UTF-8", "a YAML file")]) from None
    except OSError as error:
        found = f"a file that cannot be read ({(error.strerror or str(error)).lower()})"
        raise ConfigError([Fault(str(path), None, found, "a readable YAML file")]) from None


def _syntax_fault(name: str, error: YAMLError) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return Fault(name, None, f"text that is not YAML: {str(error).splitlines()[0]}", None)
    mark = error.problem_mark or error.context_mark
    where = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
    story = " ".join(part for part in (error.context, error.problem) if part)
    return Fault(where, None, f"text that is not YAML: {story}", None)


def _collect_sources(
    node: Node, path: Key, file: Path, sources: dict[Key, ValueSource], faults: list[Fault], visited: set[int]
) -> None:
    # An aliased node is walked once, so that neither a circle nor a bomb of aliases costs anything.
    if not isinstance(node, MappingNode) or id(node) in visited:
        return
    visited.add(id(node))
    first_line: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        here = (*path, key)
        if key in first_line:
            found = f"the key again; it stands in line {first_line[key]} already"
            faults.append(Fault(f"{file}:{line}", ".".join(here), found, "each key once"))
            continue
        first_line[key] = line
        sources[here] = ValueSource(f"{file}:{line}", folder=file.parent)
        _collect_sources(value_node, here, file, sources, faults, visited)


def yaml_text(data: Any) -> str:
    """Return plain values as YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # People read fields in the order of their definitions. All that mypy knows of the attribute is its default, None.
    vars(yaml)["sort_base_mapping_type_on_output"] = False
    stream = StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()
