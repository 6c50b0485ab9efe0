"""The events of a run as a transcript of Inspect: every agent in a lane of its own. Needs the extra `inspect`."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from inspect_ai.event import (
    CompactionEvent,
    Event,
    InfoEvent,
    ModelEvent,
    ScoreEvent,
    SpanBeginEvent,
    SpanEndEvent,
    ToolEvent,
)
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

from aarlab.export.asked import Asked, Asking, place_of
from aarlab.export.inspect_scores import evaluated
from aarlab.export.inspect_words import Chats, error_of, key_of, output, tool_info, usage
from aarlab.export.lines import unpacked
from aarlab.export.used import Used, tools_used
from aarlab.memory.events import (
    TEAM,
    Brief,
    Compaction,
    Decision,
    Evaluation,
    FailedCall,
    ModelCall,
    Ruling,
    Told,
    ToolCall,
)
from aarlab.memory.events import Event as Recorded
from aarlab.memory.messages import Json, is_hash
from aarlab.memory.runfile import Entry, RunFile

_SOLVERS = "solvers"
"""What Inspect calls the part of a sample in which its agents work."""
_STEPS = (Brief, Told, ModelCall, FailedCall, ToolCall, Compaction, Decision, Ruling)
"""What happens one after the other in a stream; other events happen within these."""


class Transcript:
    """A run's events as Inspect's, in order of arrival."""

    def __init__(self, file: RunFile) -> None:
        """Take an open run file."""
        self._file = file
        self._entries = list(file.entries())
        self._asking = Asking(file, self._entries)
        self._used = tools_used(file, self._entries)
        self._chats = Chats()
        self._outputs: dict[str, ModelOutput] = {}
        self._last_step: dict[str, Entry] = {}
        """By stream."""
        self.events = list(self._all())

    def conversation(self, researcher: str) -> tuple[list[ChatMessage], ModelOutput]:
        """Return what a researcher was told and said, as it stands at the end, and its last answer."""
        conversation = self._asking.conversation(researcher)
        return self._chats.conversation(conversation), self._outputs.get(researcher, ModelOutput())

    def _all(self) -> Iterator[Event]:
        """Yield the events, with the beginnings and ends of the spans around them."""
        begun: dict[str, None] = {}
        for entry in self._entries:
            lane = _lane(entry)
            # Inspect takes the one agent among its solvers for the main one: all others have their lanes under it.
            for span, parent in ((_SOLVERS, None), (TEAM, _SOLVERS), (lane, TEAM)):
                if span not in begun:
                    kind = None if span == _SOLVERS else "agent"
                    place = self._place(entry, span, f"{span}.begin")
                    yield SpanBeginEvent(id=span, name=span, type=kind, parent_id=parent, **place)
                begun[span] = None
            yield from self._told(entry)
            if isinstance(entry.event, _STEPS):
                self._last_step[entry.stream] = entry
        for span in reversed(begun):
            yield SpanEndEvent(id=span, **self._place(self._entries[-1], span, f"{span}.end"))

    def _place(self, entry: Entry, span: str, uuid: str, since: str | None = None) -> dict[str, Any]:
        """Return what all events have; `since` is when one began that took time."""
        at, start = (datetime.fromisoformat(moment) for moment in (since or entry.at, self._entries[0].at))
        return {
            "span_id": span, "uuid": uuid, "timestamp": at, "working_start": (at - start).total_seconds(),
            "metadata": {"stream": entry.stream, "round": entry.round, "hours": entry.hours},
        }  # fmt: skip

    def _stretch(self, entry: Entry) -> dict[str, Any]:
        """Return what events have that take time: this one began when the step before it in its stream was done."""
        # The clock may have been set back, as where a run was gone on with elsewhere.
        since = min(entry.at, self._last_step.get(entry.stream, entry).at)
        place = self._place(entry, _lane(entry), place_of(entry), since)
        done = datetime.fromisoformat(entry.at)
        return {**place, "completed": done, "working_time": (done - place["timestamp"]).total_seconds()}

    def _told(self, entry: Entry) -> Iterator[Event]:
        """Yield what an event of the run is in Inspect's words, if anything."""
        asked = self._asking.follow(entry)
        place = self._place(entry, _lane(entry), place_of(entry))
        match entry.event:
            case Told():
                pass  # It stands in what is asked next.
            case ModelCall() | FailedCall() as call:
                assert asked is not None, "a call asks something"
                yield self._called(call, asked, self._stretch(entry))
            case ToolCall() as call:
                yield self._tool_event(call, self._used[place["uuid"]], self._stretch(entry))
            case Compaction(tokens=tokens) as compaction:
                place["metadata"] |= self._spelt_out(compaction)
                yield CompactionEvent(
                    type="summary", role="researcher", tokens_before=tokens or None, source="aarlab", **place
                )
            case Evaluation(pgr=float(pgr)) as score:
                told = evaluated(pgr, score, self._spelt_out(score))
                yield ScoreEvent(score=told, scorer=score.panel, intermediate=entry.stream != TEAM, **place)
            case event:
                yield InfoEvent(source=event.kind, data=self._spelt_out(event), **place)

    def _spelt_out(self, event: Recorded) -> dict[str, Json]:
        """Return the fields of an event, those last that have the hash of a text: they become what it says."""
        texts: dict[str, Json] = {}
        told = event.to_json()
        for name, value in told.items():
            if is_hash(value):
                with suppress(KeyError):
                    texts[name] = unpacked(self._file.text(value))
        return {name: value for name, value in told.items() if name not in texts} | texts

    def _called(self, call: ModelCall | FailedCall, asked: Asked, place: dict[str, Any]) -> ModelEvent:
        answer = ModelOutput(model=call.model, usage=usage([call]))
        place["metadata"]["exact"] = asked.exact
        if isinstance(call, ModelCall):
            place["metadata"]["request"] = call.request
            answer = output(call, self._chats.answer(self._file.message(call.reply)))
        if call.role == "researcher":
            self._outputs[place["metadata"]["stream"]] = answer
        return ModelEvent(
            model=call.model,
            role=call.role,
            input=self._chats.conversation(asked.request.conversation),
            tools=[tool_info(tool) for tool in asked.request.tools],
            tool_choice="auto",
            config=GenerateConfig(),
            output=answer,
            error=call.fault if isinstance(call, FailedCall) else None,
            **place,
        )

    def _tool_event(self, call: ToolCall, used: Used, place: dict[str, Any]) -> ToolEvent:
        use, result = used.use, used.result
        return ToolEvent(
            id=call.tool_use_id,
            function=call.tool,
            arguments={} if use is None else dict(use.arguments),
            result=call.summary if result is None else result.content,
            error=None if result is None else error_of(result),
            failed=not call.ok or None,
            message_id=None if result is None else key_of(result),
            **place,
        )

    def calls(self, by: str) -> dict[str, list[ModelCall | FailedCall]]:
        """Return all calls of base models, failed ones too, by their field `by`: model or role."""
        found: dict[str, list[ModelCall | FailedCall]] = defaultdict(list)
        for entry in self._entries:
            if isinstance(entry.event, ModelCall | FailedCall):
                found[getattr(entry.event, by)].append(entry.event)
        return dict(found)

    @property
    def moments(self) -> tuple[str, str]:
        """When the first and the last event happened; empty where nothing has."""
        return (self._entries[0].at, self._entries[-1].at) if self._entries else ("", "")


def _lane(entry: Entry) -> str:
    """Return the lane of an event; who serves several researchers, like a reviewer, has one of its own."""
    role = getattr(entry.event, "role", "researcher")
    return entry.stream if role in ("researcher", "summariser") else str(role)
