"""Convert the events of a run to an Inspect transcript with a span for each agent."""

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
from aarlab.export.inspect.scores import evaluation_score
from aarlab.export.inspect.tool_call_records import ToolCallRecord, tool_call_records
from aarlab.export.jsonl_records import from_column
from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    CallDecision,
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
"""Inspect's name for the span that contains the agents of a sample."""
_STEPS = (
    AgentSetup, Prompted, ModelCall, FailedModelCall, ToolExecution, Compaction, Decision, ReviewDecision, CallDecision,
)  # fmt: skip
"""Events that follow each other in a stream. Other events occur within one of these."""


class Transcript:
    """The events of a run as events of Inspect, in the order of the log."""

    def __init__(self, file: RunReader) -> None:
        """Convert all events of an open run file."""
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
        """Return the conversation of a researcher at the end of the run, and its last output."""
        conversation = self._reconstructor.conversation(researcher)
        return self._chats.conversation(conversation), self._outputs.get(researcher, ModelOutput())

    def _all(self) -> Iterator[Event]:
        """Yield the events, with events that begin and end the spans."""
        open_spans: dict[str, None] = {}
        for entry in self._entries:
            # Inspect shows a single agent inside `solvers` as the main one, and the agents inside it as its lanes.
            for span, parent in ((_SOLVERS, None), (TEAM, _SOLVERS), (_agent_span(entry), TEAM)):
                if span not in open_spans:
                    kind = None if span == _SOLVERS else "agent"
                    common = self._common_fields(entry, span, f"{span}.begin")
                    yield SpanBeginEvent(id=span, name=span, type=kind, parent_id=parent, **common)
                open_spans[span] = None
            yield from self._inspect_events(entry)
            if isinstance(entry.event, _STEPS):
                self._last_step[entry.stream] = entry
        for span in reversed(open_spans):
            yield SpanEndEvent(id=span, **self._common_fields(self._entries[-1], span, f"{span}.end"))

    def _common_fields(self, entry: LogEntry, span: str, uuid: str, since: str | None = None) -> dict[str, Any]:
        """Return the fields that all events have; `since` is the start of an event with a duration."""
        at, start = (datetime.fromisoformat(moment) for moment in (since or entry.at, self._entries[0].at))
        return {
            "span_id": span, "uuid": uuid, "timestamp": at, "working_start": (at - start).total_seconds(),
            "metadata": {"stream": entry.stream, "round": entry.round, "hours": entry.hours},
        }  # fmt: skip

    def _timed_event_fields(self, entry: LogEntry) -> dict[str, Any]:
        """Return the fields of an event with a duration. It starts when the step before it in its stream ended."""
        # The clock can go back, for example when a run is resumed on another machine.
        since = min(entry.at, self._last_step.get(entry.stream, entry).at)
        common = self._common_fields(entry, _agent_span(entry), event_id(entry), since)
        completed = datetime.fromisoformat(entry.at)
        return {**common, "completed": completed, "working_time": (completed - common["timestamp"]).total_seconds()}

    def _inspect_events(self, entry: LogEntry) -> Iterator[Event]:
        """Yield the events of Inspect for an event of the run."""
        reconstructed = self._reconstructor.follow(entry)
        common = self._common_fields(entry, _agent_span(entry), event_id(entry))
        match entry.event:
            case Prompted():
                pass  # The input of the next model event contains it.
            case ModelCall() | FailedModelCall() as call:
                assert reconstructed is not None, "every model call has a request"
                yield self._model_event(call, reconstructed, self._timed_event_fields(entry))
            case ToolExecution() as call:
                yield self._tool_event(call, self._tool_calls[common["uuid"]], self._timed_event_fields(entry))
            case Compaction(tokens=tokens) as compaction:
                common["metadata"] |= self._with_texts(compaction)
                yield CompactionEvent(
                    type="summary", role="researcher", tokens_before=tokens or None, source="aarlab", **common
                )
            case Evaluation(pgr=float(pgr)) as evaluation:
                score = evaluation_score(pgr, evaluation, self._with_texts(evaluation))
                yield ScoreEvent(score=score, scorer=evaluation.panel, intermediate=entry.stream != TEAM, **common)
            case event:
                yield InfoEvent(source=event.kind, data=self._with_texts(event), **common)

    def _with_texts(self, event: Recorded) -> dict[str, Json]:
        """Return the fields of an event. Texts replace their hashes and come last."""
        texts: dict[str, Json] = {}
        fields = event.to_json()
        for name, value in fields.items():
            if is_hash(value):
                with suppress(KeyError):
                    texts[name] = from_column(self._file.text(value))
        return {name: value for name, value in fields.items() if name not in texts} | texts

    def _model_event(
        self, call: ModelCall | FailedModelCall, reconstructed: ReconstructedRequest, common: dict[str, Any]
    ) -> ModelEvent:
        model_output = ModelOutput(model=call.model, usage=usage([call]))
        common["metadata"]["exact"] = reconstructed.exact
        if isinstance(call, ModelCall):
            common["metadata"]["request"] = call.request
            model_output = output(call, self._chats.reply(self._file.message(call.reply)))
        if call.role == "researcher":
            self._outputs[common["metadata"]["stream"]] = model_output
        return ModelEvent(
            model=call.model,
            role=call.role,
            input=self._chats.conversation(reconstructed.request.conversation),
            tools=[tool_info(tool) for tool in reconstructed.request.tools],
            tool_choice="auto",
            config=GenerateConfig(),
            output=model_output,
            error=call.fault if isinstance(call, FailedModelCall) else None,
            **common,
        )

    def _tool_event(self, call: ToolExecution, record: ToolCallRecord, common: dict[str, Any]) -> ToolEvent:
        requested, result = record.call, record.result
        return ToolEvent(
            id=call.tool_call_id,
            function=call.tool,
            arguments={} if requested is None else dict(requested.arguments),
            result=call.summary if result is None else result.content,
            error=None if result is None else error_of(result),
            failed=not call.ok or None,
            message_id=None if result is None else key_of(result),
            **common,
        )

    def calls(self, by: str) -> dict[str, list[ModelCall | FailedModelCall]]:
        """Return all model calls, failed ones included, by their field `by`: `model` or `role`."""
        groups: dict[str, list[ModelCall | FailedModelCall]] = defaultdict(list)
        for entry in self._entries:
            if isinstance(entry.event, ModelCall | FailedModelCall):
                groups[getattr(entry.event, by)].append(entry.event)
        return dict(groups)

    @property
    def first_and_last_time(self) -> tuple[str, str]:
        """Times of the first and the last event in ISO 8601; empty strings if there are no events."""
        return (self._entries[0].at, self._entries[-1].at) if self._entries else ("", "")


def _agent_span(entry: LogEntry) -> str:
    """Return the span of an event: its researcher, or the role of an agent that serves several researchers."""
    role = getattr(entry.event, "role", "researcher")
    return entry.stream if role in ("researcher", "summariser") else str(role)
