"""The report of the first divergence between a replay and the recorded run."""

import difflib
import json
from dataclasses import fields
from typing import Any

from aarlab.cli.formatting import printable, shortened
from aarlab.memory.events import LogEntry
from aarlab.memory.run_tape import Divergence

_MAX_DIFF_LINES = 60


def divergence_text(divergence: Divergence) -> str:
    """Return the report as text: agent, round, the two events and a diff of their fields."""
    lines = [
        f"The replay diverges from the recorded run: {divergence.stream}, round {divergence.round}, "
        f"event {divergence.ordinal}.",
        "All earlier events of this stream are the same.",
        "",
        f"recorded  {_event_text(divergence.recorded)}",
        f"replayed  {_event_text(divergence.actual)}",
    ]
    if (pair := _comparable_events(divergence)) is not None:
        for name in _differing_fields(*pair):
            recorded, replayed = (_content_lines(entry, name, divergence) for entry in pair)
            lines += ["", f"{name}:", *_diff(recorded, replayed)]
    return "\n".join(printable(line) for line in lines)


def divergence_json(divergence: Divergence) -> dict[str, Any]:
    """Return the report as JSON."""
    pair = _comparable_events(divergence)
    return {
        "agent": divergence.stream,
        "round": divergence.round,
        "event": divergence.ordinal,
        "recorded": _event_json(divergence.recorded),
        "replayed": _event_json(divergence.actual),
        "fields": [] if pair is None else _differing_fields(*pair),
        "report": divergence_text(divergence),
    }


def _comparable_events(divergence: Divergence) -> tuple[LogEntry, LogEntry] | None:
    """Return both events if they are of one kind, else None."""
    recorded, replayed = divergence.recorded, divergence.actual
    if recorded is None or not isinstance(replayed, LogEntry) or type(recorded.event) is not type(replayed.event):
        return None
    return recorded, replayed


def _event_json(entry: LogEntry | str | None) -> dict[str, Any] | str | None:
    return {"kind": entry.event.kind, **entry.event.to_json()} if isinstance(entry, LogEntry) else entry


def _event_text(entry: LogEntry | str | None) -> str:
    match entry:
        case None:
            return "no further event"
        case str():
            return entry
        case LogEntry():
            values = entry.event.to_json().items()
            text = ", ".join(f"{name} {shortened(str(v), 40)}" for name, v in values if v not in (None, [], ""))
            return f"{entry.event.kind}: {text}"


def _differing_fields(recorded: LogEntry, replayed: LogEntry) -> list[str]:
    """Return the names of fields that differ between two events of one kind, with `round` and `hours` of the entry."""
    names = [field.name for field in fields(recorded.event)]
    differing = [name for name in names if getattr(recorded.event, name) != getattr(replayed.event, name)]
    return differing + [name for name in ("round", "hours") if getattr(recorded, name) != getattr(replayed, name)]


def _content_lines(entry: LogEntry, name: str, divergence: Divergence) -> list[str]:
    """Return the lines of a field's value; if it is a hash, the lines of the content with that hash."""
    value = getattr(entry.event, name) if hasattr(entry.event, name) else getattr(entry, name)
    content = divergence.contents.get(value) if isinstance(value, str) else None
    if content is None:
        return json.dumps(value, indent=1, ensure_ascii=False).splitlines()
    try:
        return json.dumps(json.loads(content), indent=1, ensure_ascii=False).replace("\\n", "\n").splitlines()
    except ValueError:
        return content.splitlines()


def _diff(recorded: list[str], replayed: list[str]) -> list[str]:
    lines = list(difflib.unified_diff(recorded, replayed, "recorded", "replayed", n=2, lineterm=""))
    omitted = len(lines) - _MAX_DIFF_LINES
    return [*lines[:_MAX_DIFF_LINES], f"... {omitted} more lines"] if omitted > 0 else lines
