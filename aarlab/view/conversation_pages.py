"""The conversation of an agent for the viewer, in pages of events."""

import json
from typing import Any

from aarlab.memory.events import (
    AgentSetup,
    CallDecision,
    Compaction,
    Event,
    FailedModelCall,
    LimitReached,
    LogEntry,
    ModelCall,
    Prompted,
    ResearcherReplaced,
    ReviewDecision,
    ToolExecution,
)
from aarlab.memory.messages import Message
from aarlab.memory.run_difference import first_difference
from aarlab.memory.run_reader import RunReader

Row = dict[str, Any]
PAGE = 120
"""Events on a page."""
_SHOWN: tuple[type[Event], ...] = (
    AgentSetup, Prompted, ModelCall, FailedModelCall, ToolExecution, ReviewDecision, CallDecision, Compaction,
    LimitReached, ResearcherReplaced,
)  # fmt: skip
"""Other events have the content of these."""


def conversation_page(file: RunReader, agent: str, first: int) -> Row:
    """Return the turns of an agent's stream from one event on.

    Args:
        file: The run file.
        agent: Name of the stream.
        first: Position of the first event in the stream, from 0.

    Returns:
        `turns`: rows with `step`, `round`, `hours`, `kind` and the content. `next`: first event of the next page; None
        if this page has the last event.
    """
    entries = list(file.stream_range(agent, max(first, 0), max(first, 0) + PAGE))
    turns = [_turn(file, entry) for entry in entries[:PAGE] if isinstance(entry.event, _SHOWN)]
    return {"agent": agent, "turns": turns, "first": first, "next": first + PAGE if len(entries) > PAGE else None}


def _turn(file: RunReader, entry: LogEntry) -> Row:
    place = {"step": entry.ordinal, "round": entry.round, "hours": entry.hours}
    match entry.event:
        case AgentSetup() as setup:
            names = [str(tool["name"]) for tool in json.loads(file.text(setup.tools))] if setup.tools else []
            system = file.text(setup.system) if setup.system else ""
            content = {"role": setup.role, "model": setup.model, "direction": setup.direction}
            return {**place, "kind": "setup", **content, "tools": names, "system": system}
        case Prompted() as prompted:
            return {**place, "kind": "prompt", "role": prompted.role, **_message(file.message(prompted.message))}
        case ModelCall() as call:
            spent = {
                "input_tokens": call.input_tokens, "output_tokens": call.output_tokens, "cost_usd": call.cost_usd,
                "cost_hours": call.cost_hours, "stop_reason": call.stop_reason,
            }  # fmt: skip
            return {**place, "kind": "reply", "role": call.role, **spent, **_message(file.message(call.reply))}
        case event:
            return {**place, "kind": event.kind, **event.to_json()}


def _message(message: Message) -> Row:
    calls = [{"id": call.id, "name": call.name, "arguments": dict(call.arguments)} for call in message.tool_calls]
    results = [
        {"id": result.tool_call_id, "content": result.content, "is_error": result.is_error}
        for result in message.tool_results
    ]
    return {"text": message.text, "thinking": message.thinking, "calls": calls, "results": results}


def divergences(file: RunReader, other: RunReader) -> list[Row]:
    """Return for each researcher of two runs the first event in which its streams differ, earliest first.

    Returns:
        Rows with `agent`, `step`, `round` and `hours`; researchers with equal streams, or of one run only, have none.
    """
    rows: list[Row] = []
    others = set(other.researchers())
    for agent in file.researchers():
        step = first_difference(file, agent, other, agent) if agent in others else None
        if step is not None:
            # One of the two streams may end there.
            entry = next((entry for one in (file, other) for entry in one.stream_range(agent, step, step)), None)
            rows += [{"agent": agent, "step": step, "round": entry.round, "hours": entry.hours}] if entry else []
    return sorted(rows, key=lambda row: (row["hours"], row["step"]))
