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

from aarlab.export.inspect.chat_messages import ChatMessages, error_of, key_of, output, tool_info, usage
from aarlab.export.inspect.request_reconstruction import ReconstructedRequest, RequestReconstructor, event_id
from aarlab.export.inspect.scores import evaluated
from aarlab.export.inspect.tool_call_records import ToolCallRecord, tool_call_records
from aarlab.export.jsonl_records import from_column
from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    Compaction,
    Decision,
    Evaluation,
    FailedModelCall,
    LogEntry,
    ModelCall,
    Prompted,
    ReviewDecision,
    ToolExecution,
)
from aarlab.memory.events import Event as Recorded
from aarlab.memory.messages import Json, is_hash
from aarlab.memory.run_reader import RunReader

_SOLVERS = "solvers"
"""What Inspect calls the part of a sample in which its agents work."""
_STEPS = (AgentSetup, Prompted, ModelCall, FailedModelCall, ToolExecution, Compaction, Decision, ReviewDecision)
"""What happens one after the other in a stream; other events happen within these."""


class Transcript:
    """A run's events as Inspect's, in order of arrival."""

    def __init__(self, file: RunReader) -> None:
        """Take an open run file."""
        self._file = file
        self._entries = list(file.entries())
        self._reconstructor = RequestReconstructor(file, self._entries)
        self._tool_calls = tool_call_records(file, self._entries)
        self._chats = ChatMessages()
        self._outputs: dict[str, ModelOutput] = {}
        self._last_step: dict[str, LogEntry] = {}
        """By stream."""
        self.events = list(self._all())

    def conversation(self, researcher: str) -> tuple[list[ChatMessage], ModelOutput]:
        """Return what a researcher was told and said, as it stands at the end, and its last answer."""
        conversation = self._reconstructor.conversation(researcher)
        return self._chats.conversation(conversation), self._outputs.get(researcher, ModelOutput())

    def _all(self) -> Iterator[Event]:
        """Yield the events, with the beginnings and ends of the spans around them."""
        begun: dict[str, None] = {}
        for entry in self._entries:
            lane = _agent_span(entry)
            # Inspect takes the one agent among its solvers for the main one: all others have their lanes under it.
            for span, parent in ((_SOLVERS, None), (TEAM, _SOLVERS), (lane, TEAM)):
                if span not in begun:
                    kind = None if span == _SOLVERS else "agent"
                    place = self._place(entry, span, f"{span}.begin")
                    yield SpanBeginEvent(id=span, name=span, type=kind, parent_id=parent, **place)
                begun[span] = None
            yield from self._inspect_events(entry)
            if isinstance(entry.event, _STEPS):
                self._last_step[entry.stream] = entry
        for span in reversed(begun):
            yield SpanEndEvent(id=span, **self._place(self._entries[-1], span, f"{span}.end"))

    def _place(self, entry: LogEntry, span: str, uuid: str, since: str | None = None) -> dict[str, Any]:
        """Return what all events have; `since` is when one began that took time."""
        at, start = (datetime.fromisoformat(moment) for moment in (since or entry.at, self._entries[0].at))
        return {
            "span_id": span, "uuid": uuid, "timestamp": at, "working_start": (at - start).total_seconds(),
            "metadata": {"stream": entry.stream, "round": entry.round, "hours": entry.hours},
        }  # fmt: skip

    def _timed_event_fields(self, entry: LogEntry) -> dict[str, Any]:
        """Return what events have that take time: this one began when the step before it in its stream was done."""
        # The clock may have been set back, as where a run was gone on with elsewhere.
        since = min(entry.at, self._last_step.get(entry.stream, entry).at)
        place = self._place(entry, _agent_span(entry), event_id(entry), since)
        done = datetime.fromisoformat(entry.at)
        return {**place, "completed": done, "working_time": (done - place["timestamp"]).total_seconds()}

    def _inspect_events(self, entry: LogEntry) -> Iterator[Event]:
        """Yield what an event of the run is in Inspect's words, if anything."""
        reconstructed = self._reconstructor.follow(entry)
        place = self._place(entry, _agent_span(entry), event_id(entry))
        match entry.event:
            case Prompted():
                pass  # It stands in what is asked next.
            case ModelCall() | FailedModelCall() as call:
                assert reconstructed is not None, "a call asks something"
                yield self._called(call, reconstructed, self._timed_event_fields(entry))
            case ToolExecution() as call:
                yield self._tool_event(call, self._tool_calls[place["uuid"]], self._timed_event_fields(entry))
            case Compaction(tokens=tokens) as compaction:
                place["metadata"] |= self._with_texts(compaction)
                yield CompactionEvent(
                    type="summary", role="researcher", tokens_before=tokens or None, source="aarlab", **place
                )
            case Evaluation(pgr=float(pgr)) as score:
                told = evaluated(pgr, score, self._with_texts(score))
                yield ScoreEvent(score=told, scorer=score.panel, intermediate=entry.stream != TEAM, **place)
            case event:
                yield InfoEvent(source=event.kind, data=self._with_texts(event), **place)

    def _with_texts(self, event: Recorded) -> dict[str, Json]:
        """Return the fields of an event, those last that have the hash of a text: they become what it says."""
        texts: dict[str, Json] = {}
        told = event.to_json()
        for name, value in told.items():
            if is_hash(value):
                with suppress(KeyError):
                    texts[name] = from_column(self._file.text(value))
        return {name: value for name, value in told.items() if name not in texts} | texts

    def _called(
        self, call: ModelCall | FailedModelCall, reconstructed: ReconstructedRequest, place: dict[str, Any]
    ) -> ModelEvent:
        answer = ModelOutput(model=call.model, usage=usage([call]))
        place["metadata"]["exact"] = reconstructed.exact
        if isinstance(call, ModelCall):
            place["metadata"]["request"] = call.request
            answer = output(call, self._chats.answer(self._file.message(call.reply)))
        if call.role == "researcher":
            self._outputs[place["metadata"]["stream"]] = answer
        return ModelEvent(
            model=call.model,
            role=call.role,
            input=self._chats.conversation(reconstructed.request.conversation),
            tools=[tool_info(tool) for tool in reconstructed.request.tools],
            tool_choice="auto",
            config=GenerateConfig(),
            output=answer,
            error=call.fault if isinstance(call, FailedModelCall) else None,
            **place,
        )

    def _tool_event(self, call: ToolExecution, record: ToolCallRecord, place: dict[str, Any]) -> ToolEvent:
        use, result = record.use, record.result
        return ToolEvent(
            id=call.tool_call_id,
            function=call.tool,
            arguments={} if use is None else dict(use.arguments),
            result=call.summary if result is None else result.content,
            error=None if result is None else error_of(result),
            failed=not call.ok or None,
            message_id=None if result is None else key_of(result),
            **place,
        )

    def calls(self, by: str) -> dict[str, list[ModelCall | FailedModelCall]]:
        """Return all calls of base models, failed ones too, by their field `by`: model or role."""
        found: dict[str, list[ModelCall | FailedModelCall]] = defaultdict(list)
        for entry in self._entries:
            if isinstance(entry.event, ModelCall | FailedModelCall):
                found[getattr(entry.event, by)].append(entry.event)
        return dict(found)

    @property
    def moments(self) -> tuple[str, str]:
        """When the first and the last event happened; empty where nothing has."""
        return (self._entries[0].at, self._entries[-1].at) if self._entries else ("", "")


def _agent_span(entry: LogEntry) -> str:
    """Return the lane of an event; who serves several researchers, like a reviewer, has one of its own."""
    role = getattr(entry.event, "role", "researcher")
    return entry.stream if role in ("researcher", "summariser") else str(role)
