"""`--set a.b=c`: values given on the command line, on top of a file's. Their order means nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from aarlab.config.document import Document, Key, ValueSource, parse_value
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.type_descriptions import value_text

PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
"""A field's path, such as `budget.hours`."""

SHORTHAND_FIELDS: Mapping[str, str] = {"structure": "preset", "task": "name"}
"""Sections that may be given as one word, and the key which that word stands for."""


@dataclass(frozen=True, slots=True)
class Override:
    """A value for a field."""

    key: Key
    value: Any
    given: str
    """As it was given."""
    folder: Path | None = Path()
    """Folder from which relative paths start."""


def parse_overrides(settings: Sequence[str]) -> list[Override]:
    """Return the overrides in `settings`, each `path=value` with a YAML value, sorted by path.

    Raises:
        ConfigError: One of them cannot be read, or two of them contradict each other.
    """
    overrides: list[Override] = []
    faults: list[Fault] = []
    for setting in sorted(set(settings)):
        path, equals, text = setting.partition("=")
        given, path = f"--set {setting}", path.strip()
        if not equals or not PATH.fullmatch(path):
            faults.append(
                Fault(given, None, value_text(setting), "a field's path, = and a value, such as budget.hours=12")
            )
            continue
        try:
            overrides.append(Override(tuple(path.split(".")), parse_value(text), given))
        except ValueError as error:
            faults.append(Fault(given, path, f"{value_text(text)}, which is not a YAML value: {error}", None))
    overrides.sort(key=lambda override: override.key)
    faults += conflicts(overrides)
    if faults:
        raise ConfigError(faults)
    return overrides


def conflicts(overrides: Sequence[Override]) -> list[Fault]:
    """Return what cannot be meant together among overrides that are sorted by path."""
    return [_conflict(a, b) for a, b in combinations(overrides, 2) if _contradict(a, b)]


def apply(overrides: Sequence[Override], document: Document) -> Document:
    """Return the document with the overrides put in. A value for a section replaces the section.

    Raises:
        ConfigError: An override leads into something that is not a section.
    """
    data = dict(document.data)
    sources = dict(document.sources)
    faults: list[Fault] = []
    # Sorted by path, so that a section stands before what goes into it.
    for override in overrides:
        *sections, last = override.key
        inside: Any = data
        for depth, section in enumerate(sections, start=1):
            value = inside.get(section, {})
            if isinstance(value, str) and depth == 1 and section in SHORTHAND_FIELDS:
                value = {SHORTHAND_FIELDS[section]: value}
            if not isinstance(value, dict):
                origin = next(sources[key] for key in _prefixes(override.key[:depth]) if key in sources)
                found = f"{'.'.join(sections[:depth])} is {value_text(value)} ({origin.where}), which has no fields"
                faults.append(Fault(override.given, ".".join(override.key), found, None))
                break
            # A copy, for a section may stand in several places, by an alias.
            inside[section] = dict(value)
            inside = inside[section]
        else:
            inside[last] = override.value
            sources = {key: place for key, place in sources.items() if key[: len(override.key)] != override.key}
            sources[override.key] = ValueSource(override.given, True, override.folder)
    if faults:
        raise ConfigError(faults)
    return replace(document, data=data, sources=sources)


def _contradict(a: Override, b: Override) -> bool:
    """Whether both cannot be meant; `a` stands before `b`."""
    if a.key == b.key:
        return repr(a.value) != repr(b.value)
    if b.key[: len(a.key)] != a.key:
        return False
    bare = SHORTHAND_FIELDS.get(a.key[0]) if len(a.key) == 1 and isinstance(a.value, str) else None
    # A preset's name and a dial go together; a name said twice, and differently, does not.
    return bare is None or (b.key == (a.key[0], bare) and a.value != b.value)


def _prefixes(key: Key) -> Iterator[Key]:
    """Yield the key and the sections around it, from the innermost."""
    return (key[:length] for length in range(len(key), 0, -1))


def _conflict(a: Override, b: Override) -> Fault:
    allowed = "one value for a field" if a.key == b.key else "a section as a whole, or its fields one by one"
    return Fault(b.given, ".".join(b.key), f"a contradiction to {a.given}", allowed)
