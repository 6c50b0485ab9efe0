"""The events of a run as a transcript of Inspect: every agent in a lane of its own. Needs the extra `inspect`."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inspect_ai.event import Event, InfoEvent, ModelEvent, ScoreEvent, SpanBeginEvent, SpanEndEvent, ToolEvent
from inspect_ai.model import ChatMessage, ChatMessageSystem, GenerateConfig, ModelOutput
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolInfo

from aarlab.export.inspect_words import chat, error_of, output, tool_infos, usage
from aarlab.memory.events import TEAM, Brief, Evaluation, FailedCall, ModelCall, Told, ToolCall
from aarlab.memory.messages import ToolResult, ToolUse
from aarlab.memory.runfile import Entry, RunFile


@dataclass(slots=True)
class Lane:
    """One agent, as far as the transcript has come."""

    name: str
    system: list[ChatMessage] = field(default_factory=list)
    tools: list[ToolInfo] = field(default_factory=list)
    said: list[ChatMessage] = field(default_factory=list)
    """The conversation, without the system prompt."""
    output: ModelOutput = field(default_factory=ModelOutput)
    """The last answer."""
    uses: dict[str, ToolUse] = field(default_factory=dict)
    results: dict[str, ToolResult] = field(default_factory=dict)
    """Uses of tools, and what came of them, in the whole run, by the id of the use."""
    names: dict[str, str] = field(default_factory=dict)

    @property
    def conversation(self) -> list[ChatMessage]:
        """All that the base model was shown or said."""
        return [*self.system, *self.said]


class Transcript:
    """Turns a run's events into Inspect's, in order of arrival. Read `events` first; then `lanes` are as at the end."""

    def __init__(self, file: RunFile) -> None:
        """Take an open run file."""
        self._file = file
        self._entries = list(file.entries())
        self.lanes: dict[str, Lane] = {}
        """By name: r1, r2, ... for researchers, else the role."""
        self._find_uses()
        self.events = list(self._all())

    def _lane(self, entry: Entry) -> Lane:
        """Return the lane of an event; who serves several researchers, like a reviewer, has one too."""
        role = getattr(entry.event, "role", "researcher")
        name = entry.stream if role == "researcher" else role
        return self.lanes.setdefault(name, Lane(name))

    def _find_uses(self) -> None:
        """Look up what tools were asked and answered, which stands in the messages around an event."""
        for entry in self._entries:
            match entry.event:
                case Told(message=key) | ModelCall(reply=key):
                    lane, message = self._lane(entry), self._file.message(key)
                    lane.uses |= {use.id: use for use in message.tool_uses}
                    lane.results |= {result.tool_use_id: result for result in message.tool_results}

    def _all(self) -> Iterator[Event]:
        """Yield the events, with the beginnings and ends of the lanes around them; all lanes are inside the team's."""
        if not self._entries:
            return
        begun: dict[str, str] = {}
        for entry in self._entries:
            name = self._lane(entry).name
            for span in dict.fromkeys((TEAM, name)):
                if span not in begun:
                    yield SpanBeginEvent(
                        id=span, name=span, type="agent", parent_id=None if span == TEAM else TEAM,
                        **self._place(entry, span, f"{span}.begin"),
                    )  # fmt: skip
                begun[span] = name
            yield from self._told(entry)
        last = self._entries[-1]
        for span in reversed(begun):
            yield SpanEndEvent(id=span, **self._place(last, span, f"{span}.end"))

    def _place(self, entry: Entry, span: str, uuid: str) -> dict[str, Any]:
        at, began = (datetime.fromisoformat(moment) for moment in (entry.at, self._entries[0].at))
        return {
            "span_id": span, "uuid": uuid, "timestamp": at, "working_start": (at - began).total_seconds(),
            "metadata": {"stream": entry.stream, "round": entry.round, "hours": entry.hours},
        }  # fmt: skip

    def _told(self, entry: Entry) -> Iterator[Event]:
        """Yield what an event of the run is in Inspect's words, if anything."""
        lane = self._lane(entry)
        place = self._place(entry, lane.name, f"{entry.stream}.{entry.ordinal}")
        match entry.event:
            case Brief() as brief:
                lane.system = [ChatMessageSystem(id=brief.system, content=self._file.text(brief.system))]
                lane.tools = tool_infos(self._file.text(brief.tools))
                yield InfoEvent(source=brief.kind, data=brief.to_json(), **place)
            case Told() as told:
                message = self._file.message(told.message)
                if told.role != "researcher" and not message.tool_results:
                    lane.said = []  # Those who are asked in passing do not remember the last time.
                lane.said = [*lane.said, *chat(message, lane.names)]
            case ModelCall() as call:
                (reply,) = chat(self._file.message(call.reply), lane.names)
                lane.output = output(call, reply)
                yield self._asked(call, lane, lane.output, place)
                lane.said = [*lane.said, reply]
            case FailedCall() as call:
                yield self._asked(call, lane, ModelOutput(model=call.model, usage=usage([call])), place, call.fault)
            case ToolCall() as call:
                use, result = lane.uses.get(call.tool_use_id), lane.results.get(call.tool_use_id)
                yield ToolEvent(
                    id=call.tool_use_id,
                    function=call.tool,
                    arguments={} if use is None else dict(use.arguments),
                    result=call.summary if result is None else result.content,
                    error=None if result is None else error_of(result),
                    failed=not call.ok or None,
                    completed=place["timestamp"],
                    **place,
                )
            case Evaluation(pgr=float(pgr)) as score:
                told_score = Score(value=pgr, answer=score.subject, metadata=score.to_json())
                intermediate = entry.stream != TEAM
                yield ScoreEvent(score=told_score, scorer=score.panel, intermediate=intermediate, **place)
            case event:
                yield InfoEvent(source=event.kind, data=event.to_json(), **place)

    def _asked(
        self,
        call: ModelCall | FailedCall,
        lane: Lane,
        answer: ModelOutput,
        place: dict[str, Any],
        error: str | None = None,
    ) -> ModelEvent:
        return ModelEvent(
            model=call.model,
            role=call.role,
            input=lane.conversation,
            tools=lane.tools,
            tool_choice="auto",
            config=GenerateConfig(),
            output=answer,
            error=error,
            completed=place["timestamp"],
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
