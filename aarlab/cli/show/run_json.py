"""A run, or one agent's part of it, as one JSON object."""

from dataclasses import asdict
from typing import Any

from aarlab.memory.events import LogEntry, ModelCall, Prompted
from aarlab.memory.run_reader import RunReader


def run_as_json(file: RunReader, stream: str | None, round: int | None) -> dict[str, Any]:
    """Return the run's own row, and the events of a stream, of one round only if `round` is given."""
    run = {**asdict(file.info()), "file": str(file.path.resolve())}
    if stream is None:
        return run
    events = [_event(file, entry) for entry in file.entries(stream=stream, round=round)]
    return {"run_id": run["run_id"], "file": run["file"], "agent": stream, "events": events}


def _event(file: RunReader, entry: LogEntry) -> dict[str, Any]:
    """Return an event with its place in the log, and the message it points to spelt out."""
    event = {"round": entry.round, "hours": entry.hours, "kind": entry.event.kind, **entry.event.to_json()}
    match entry.event:
        case Prompted(message=key) | ModelCall(reply=key):
            event["content"] = file.message(key).to_json()
        case _:
            pass
    return event
