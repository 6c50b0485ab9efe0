"""Where a run and its tape part, for people: the place, what stands there, and what happened instead."""

import difflib
import json
from dataclasses import fields
from typing import Any

from aarlab.memory.events import Entry
from aarlab.memory.tape import Divergence
from aarlab.wording import printable

_MOST_LINES = 60
"""Lines of a difference that are shown."""


def divergence_text(divergence: Divergence) -> str:
    """Return the report: agent, round and place, the two events, and a diff of what they say."""
    then, now = divergence.recorded, divergence.happened
    lines = [
        f"The run parts from its tape: {divergence.stream}, round {divergence.round}, event {divergence.ordinal}.",
        "All events of this stream before it are the same.",
        "",
        f"on tape  {_said(then)}",
        f"now      {_said(now)}",
    ]
    if then is not None and isinstance(now, Entry) and type(then.event) is type(now.event):
        for name in _differing(then, now):
            lines += ["", f"{name}:", *_diff(_meant(then, name, divergence), _meant(now, name, divergence))]
    return "\n".join(printable(line) for line in lines)


def divergence_json(divergence: Divergence) -> dict[str, Any]:
    """Return the report as JSON."""
    then, now = divergence.recorded, divergence.happened
    alike = then is not None and isinstance(now, Entry) and type(then.event) is type(now.event)
    return {
        "agent": divergence.stream,
        "round": divergence.round,
        "event": divergence.ordinal,
        "on_tape": None if then is None else {"kind": then.event.kind, **then.event.to_json()},
        "now": {"kind": now.event.kind, **now.event.to_json()} if isinstance(now, Entry) else now,
        "fields": _differing(then, now) if alike and then is not None and isinstance(now, Entry) else [],
        "report": divergence_text(divergence),
    }


def _said(what: Entry | str | None) -> str:
    match what:
        case None:
            return "nothing more"
        case str():
            return what
        case Entry():
            values = what.event.to_json().items()
            told = ", ".join(f"{name} {_short(value)}" for name, value in values if value not in (None, [], ""))
            return f"{what.event.kind}: {told}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _differing(then: Entry, now: Entry) -> list[str]:
    """Return in what two events of one kind differ: fields, or the round or hour of the whole."""
    names = [field.name for field in fields(then.event)]
    differing = [name for name in names if getattr(then.event, name) != getattr(now.event, name)]
    return differing + [name for name in ("round", "hours") if getattr(then, name) != getattr(now, name)]


def _meant(entry: Entry, name: str, divergence: Divergence) -> list[str]:
    """Return the lines of what a field says; where it is a hash, of what that stands for."""
    value = getattr(entry.event, name) if hasattr(entry.event, name) else getattr(entry, name)
    content = divergence.contents.get(value) if isinstance(value, str) else None
    if content is None:
        return json.dumps(value, indent=1, ensure_ascii=False).splitlines()
    try:
        return json.dumps(json.loads(content), indent=1, ensure_ascii=False).replace("\\n", "\n").splitlines()
    except ValueError:
        return content.splitlines()


def _diff(then: list[str], now: list[str]) -> list[str]:
    lines = list(difflib.unified_diff(then, now, "on tape", "now", n=2, lineterm=""))
    left = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"... {left} lines more"] if left > 0 else lines
