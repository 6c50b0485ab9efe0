"""The events of a run as a transcript of Inspect: every agent in a lane of its own. Needs the extra `inspect`."""

from collections import defaultdict
from collections.abc import Iterator
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
from inspect_ai.scorer import Score

from aarlab.export.asked import Asked, Asking, place_of
from aarlab.export.inspect_words import Chats, error_of, output, tool_info, usage
from aarlab.export.used import Used, tools_used
from aarlab.memory.events import TEAM, Compaction, Evaluation, FailedCall, ModelCall, Told, ToolCall
from aarlab.memory.runfile import Entry, RunFile


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
        self.events = list(self._all())

    def conversation(self, researcher: str) -> tuple[list[ChatMessage], ModelOutput]:
        """Return what a researcher was told and said, as it stands at the end, and its last answer."""
        return self._chats.conversation(*self._asking.said(researcher)), self._outputs.get(researcher, ModelOutput())

    def _all(self) -> Iterator[Event]:
        """Yield the events, with the beginnings and ends of the lanes around them; all lanes are inside the team's."""
        if not self._entries:
            return
        begun: dict[str, None] = {}
        for entry in self._entries:
            for span in dict.fromkeys((TEAM, _lane(entry))):
                if span not in begun:
                    yield SpanBeginEvent(
                        id=span, name=span, type="agent", parent_id=None if span == TEAM else TEAM,
                        **self._place(entry, span, f"{span}.begin"),
                    )  # fmt: skip
                begun[span] = None
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
        asked = self._asking.follow(entry)
        place = self._place(entry, _lane(entry), place_of(entry))
        match entry.event:
            case Told():
                pass  # It stands in what is asked next.
            case ModelCall() | FailedCall() as call:
                assert asked is not None, "a call asks something"
                yield self._called(call, asked, place)
            case ToolCall() as call:
                yield self._tool_event(call, self._used[place["uuid"]], place)
            case Compaction(tokens=tokens) as compaction:
                place["metadata"] |= compaction.to_json()
                yield CompactionEvent(
                    type="summary", role="researcher", tokens_before=tokens or None, source="aarlab", **place
                )
            case Evaluation(pgr=float(pgr)) as score:
                told_score = Score(value=pgr, answer=score.subject, metadata=score.to_json())
                intermediate = entry.stream != TEAM
                yield ScoreEvent(score=told_score, scorer=score.panel, intermediate=intermediate, **place)
            case event:
                yield InfoEvent(source=event.kind, data=event.to_json(), **place)

    def _called(self, call: ModelCall | FailedCall, asked: Asked, place: dict[str, Any]) -> ModelEvent:
        answer = ModelOutput(model=call.model, usage=usage([call]))
        place["metadata"]["exact"] = asked.exact
        if isinstance(call, ModelCall):
            place["metadata"]["request"] = call.request
            (said,) = self._chats.message(self._file.message(call.reply), place["uuid"], {})
            self._outputs[place["span_id"]] = answer = output(call, said)
        return ModelEvent(
            model=call.model,
            role=call.role,
            input=self._chats.conversation(asked.request.conversation, asked.brought_by),
            tools=[tool_info(tool) for tool in asked.request.tools],
            tool_choice="auto",
            config=GenerateConfig(),
            output=answer,
            error=call.fault if isinstance(call, FailedCall) else None,
            completed=place["timestamp"],
            **place,
        )

    def _tool_event(self, call: ToolCall, used: Used, place: dict[str, Any]) -> ToolEvent:
        return ToolEvent(
            id=call.tool_use_id,
            function=call.tool,
            arguments={} if used.use is None else dict(used.use.arguments),
            result=call.summary if used.result is None else used.result.content,
            error=None if used.result is None else error_of(used.result),
            failed=not call.ok or None,
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


def _lane(entry: Entry) -> str:
    """Return the lane of an event; who serves several researchers, like a reviewer, has one of its own."""
    role = getattr(entry.event, "role", "researcher")
    return entry.stream if role in ("researcher", "summariser") else str(role)
