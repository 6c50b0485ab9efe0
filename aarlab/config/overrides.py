"""Overrides: `--set a.b=c` replaces a value of a file. Their order does not matter."""

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
"""Path of a field, such as `budget.hours`."""

SHORTHAND_FIELDS: Mapping[str, str] = {"structure": "preset", "task": "name"}
"""Sections that can be given as one word, and the field which that word sets."""


@dataclass(frozen=True, slots=True)
class Override:
    """A new value of a field."""

    key: Key
    value: Any
    given: str
    """The override as it was given, for faults."""
    folder: Path | None = Path()
    """Folder of relative paths in the value."""


def parse_overrides(settings: Sequence[str]) -> list[Override]:
    """Return the overrides in `settings`, each `path=value` with a YAML value, sorted by path.

    Raises:
        ConfigError: An override cannot be parsed, or two contradict each other.
    """
    if isinstance(settings, str):  # in Python, a text is a sequence of its letters
        expected = f"a list of texts: settings=[{settings!r}]"
        raise ConfigError([Fault(f"settings={settings!r}", None, "it is one text", expected)])
    overrides: list[Override] = []
    faults: list[Fault] = []
    for setting in sorted(set(settings)):
        path, equals, text = setting.partition("=")
        given, path = f"--set {setting}", path.strip()
        if not equals or not PATH.fullmatch(path):
            problem = f"invalid path {value_text(path)}" if equals else "the value is missing"
            faults.append(Fault(given, None, problem, "PATH=VALUE, such as budget.hours=12"))
            continue
        try:
            overrides.append(Override(tuple(path.split(".")), parse_value(text), given))
        except ValueError as error:
            faults.append(Fault(given, path, f"{value_text(text)} is not a YAML value: {error}", None))
    overrides.sort(key=lambda override: override.key)
    faults += conflicts(overrides)
    if faults:
        raise ConfigError(faults)
    return overrides


def conflicts(overrides: Sequence[Override]) -> list[Fault]:
    """Return the contradictions among overrides that are sorted by path."""
    return [_conflict(a, b) for a, b in combinations(overrides, 2) if _contradict(a, b)]


def apply(overrides: Sequence[Override], document: Document) -> Document:
    """Return the document with the overrides applied. A value for a section replaces the section.

    Raises:
        ConfigError: The path of an override leads through a value that is not a section.
    """
    data = dict(document.data)
    sources = dict(document.sources)
    faults: list[Fault] = []
    # Sorted by path, so that a section is set before its fields.
    for override in overrides:
        *sections, last = override.key
        inside: Any = data
        for depth, section in enumerate(sections, start=1):
            value = inside.get(section, {})
            if isinstance(value, str) and depth == 1 and section in SHORTHAND_FIELDS:
                value = {SHORTHAND_FIELDS[section]: value}
            if not isinstance(value, dict):
                origin = next(sources[key] for key in _prefixes(override.key[:depth]) if key in sources)
                problem = f"{'.'.join(sections[:depth])} is {value_text(value)} ({origin.where}) and has no fields"
                faults.append(Fault(override.given, ".".join(override.key), problem, None))
                break
            # A copy, as a YAML alias can put one section in several places.
            inside[section] = dict(value)
            inside = inside[section]
        else:
            inside[last] = override.value
            sources = {key: source for key, source in sources.items() if key[: len(override.key)] != override.key}
            sources[override.key] = ValueSource(override.given, True, override.folder)
    if faults:
        raise ConfigError(faults)
    return replace(document, data=data, sources=sources)


def _contradict(a: Override, b: Override) -> bool:
    """Return whether two overrides contradict each other; the path of `a` sorts before that of `b`."""
    if a.key == b.key:
        return repr(a.value) != repr(b.value)
    if b.key[: len(a.key)] != a.key:
        return False
    field = SHORTHAND_FIELDS.get(a.key[0]) if len(a.key) == 1 and isinstance(a.value, str) else None
    # `structure=staged` is compatible with `structure.review=gate` and contradicts `structure.preset=reviewed`.
    return field is None or (b.key == (a.key[0], field) and a.value != b.value)


def _prefixes(key: Key) -> Iterator[Key]:
    """Yield the key and its sections, the innermost first."""
    return (key[:length] for length in range(len(key), 0, -1))


def _conflict(a: Override, b: Override) -> Fault:
    expected = "one value for a field" if a.key == b.key else "either the whole section or its fields"
    return Fault(b.given, ".".join(b.key), f"it contradicts {a.given}", expected)
