"""Where a run and its tape part, for people: the place, what stands there, and what happened instead."""

import difflib
import json
from dataclasses import fields
from typing import Any

from aarlab.cli.formatting import printable
from aarlab.memory.events import LogEntry
from aarlab.memory.run_tape import Divergence

_MAX_DIFF_LINES = 60
"""Lines of a difference that are shown."""


def divergence_text(divergence: Divergence) -> str:
    """Return the report: agent, round and place, the two events, and a diff of what they say."""
    recorded_entry, replayed_entry = divergence.recorded, divergence.actual
    lines = [
        f"The run parts from its tape: {divergence.stream}, round {divergence.round}, event {divergence.ordinal}.",
        "All events of this stream before it are the same.",
        "",
        f"on tape  {_event_text(recorded_entry)}",
        f"now      {_event_text(replayed_entry)}",
    ]
    if (
        recorded_entry is not None
        and isinstance(replayed_entry, LogEntry)
        and type(recorded_entry.event) is type(replayed_entry.event)
    ):
        for name in _differing(recorded_entry, replayed_entry):
            lines += [
                "",
                f"{name}:",
                *_diff(
                    _content_lines(recorded_entry, name, divergence), _content_lines(replayed_entry, name, divergence)
                ),
            ]
    return "\n".join(printable(line) for line in lines)


def divergence_json(divergence: Divergence) -> dict[str, Any]:
    """Return the report as JSON."""
    recorded_entry, replayed_entry = divergence.recorded, divergence.actual
    alike = (
        recorded_entry is not None
        and isinstance(replayed_entry, LogEntry)
        and type(recorded_entry.event) is type(replayed_entry.event)
    )
    return {
        "agent": divergence.stream,
        "round": divergence.round,
        "event": divergence.ordinal,
        "recorded": None
        if recorded_entry is None
        else {"kind": recorded_entry.event.kind, **recorded_entry.event.to_json()},
        "now": {"kind": replayed_entry.event.kind, **replayed_entry.event.to_json()}
        if isinstance(replayed_entry, LogEntry)
        else replayed_entry,
        "fields": _differing(recorded_entry, replayed_entry)
        if alike and recorded_entry is not None and isinstance(replayed_entry, LogEntry)
        else [],
        "report": divergence_text(divergence),
    }


def _event_text(what: LogEntry | str | None) -> str:
    match what:
        case None:
            return "nothing more"
        case str():
            return what
        case LogEntry():
            values = what.event.to_json().items()
            told = ", ".join(f"{name} {_short(value)}" for name, value in values if value not in (None, [], ""))
            return f"{what.event.kind}: {told}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _differing(recorded_entry: LogEntry, replayed_entry: LogEntry) -> list[str]:
    """Return in what two events of one kind differ: fields, or the round or hour of the whole."""
    names = [field.name for field in fields(recorded_entry.event)]
    differing = [name for name in names if getattr(recorded_entry.event, name) != getattr(replayed_entry.event, name)]
    return differing + [
        name for name in ("round", "hours") if getattr(recorded_entry, name) != getattr(replayed_entry, name)
    ]


def _content_lines(entry: LogEntry, name: str, divergence: Divergence) -> list[str]:
    """Return the lines of what a field says; where it is a hash, of what that stands for."""
    value = getattr(entry.event, name) if hasattr(entry.event, name) else getattr(entry, name)
    content = divergence.contents.get(value) if isinstance(value, str) else None
    if content is None:
        return json.dumps(value, indent=1, ensure_ascii=False).splitlines()
    try:
        return json.dumps(json.loads(content), indent=1, ensure_ascii=False).replace("\\n", "\n").splitlines()
    except ValueError:
        return content.splitlines()


def _diff(recorded_entry: list[str], replayed_entry: list[str]) -> list[str]:
    lines = list(difflib.unified_diff(recorded_entry, replayed_entry, "on tape", "now", n=2, lineterm=""))
    left = len(lines) - _MAX_DIFF_LINES
    return [*lines[:_MAX_DIFF_LINES], f"... {left} lines more"] if left > 0 else lines
