"""What base models were asked in a run, to the letter, put together again from its events.

Of a call the run file keeps a hash over the whole request; what was said is kept once, as it was said. The hash tells
whether what is put together here is what was asked then.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aarlab.agents.models.base import Request
from aarlab.export.offers import offers
from aarlab.graph.compaction import left_out
from aarlab.graph.stages import STAGES
from aarlab.memory.events import Brief, Compaction, Decision, FailedCall, ModelCall, Role, Told
from aarlab.memory.messages import Conversation, Message, ToolSpec
from aarlab.memory.runfile import Entry, RunFile


@dataclass(frozen=True, slots=True)
class Asked:
    """What stood before a base model when it was called."""

    request: Request
    brought_by: tuple[str, ...]
    """For the system prompt and then each message, the place of the event that brought it, such as `r3.17`."""
    exact: bool
    """Whether it has the hash that the run file has of what was asked."""


@dataclass(slots=True)
class _Party:
    """One who is asked, with what it has been told and has said so far."""

    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    brought_by: tuple[str, ...] = ("",)
    tools: tuple[ToolSpec, ...] = ()
    """All that it was given."""
    stage: str | None = None
    """Where it stands in a fixed workflow, in which not all tools are offered all the time."""

    def begin(self, system: str, place: str) -> None:
        """Put a system prompt in front of what has been said."""
        self.conversation = Conversation.begin(system).then(*self.conversation.messages)
        self.brought_by = (place, *self.brought_by[1:])

    def hear(self, message: Message, place: str) -> None:
        """Add what was told or answered."""
        self.conversation = self.conversation.then(message)
        self.brought_by = (*self.brought_by, place)

    def forget(self, first: int, summary: Message, place: str) -> None:
        """Put a summary in the place of the first messages."""
        kept = self.conversation.messages[first:]
        self.conversation = Conversation.begin(self.conversation.system).then(summary, *kept)
        self.brought_by = (self.brought_by[0], place, *self.brought_by[1 + first :])

    def up_to(self, length: int, question: Message, place: str) -> "_Party":
        """Return who is asked a question after the first messages only."""
        conversation = Conversation.begin(self.conversation.system).then(*self.conversation.messages[:length], question)
        return _Party(conversation, (*self.brought_by[: 1 + length], place), self.tools)


class Asking:
    """Follows a run's events, and knows at each call what was asked."""

    def __init__(self, file: RunFile, entries: Sequence[Entry]) -> None:
        """Take an open run file and all its events, which are then to be followed in order."""
        self._file = file
        self._hashes = _hashes(entries)
        self._offers = offers(file)
        self._parties: dict[tuple[str, Role], _Party] = {}
        """By stream and role: a reviewer is asked by several researchers at a time."""
        self._to_sum_up: dict[str, tuple[Message, str]] = {}
        """By stream, what a researcher was last told when it had to sum up, and the place."""

    def said(self, researcher: str) -> tuple[Conversation, tuple[str, ...]]:
        """Return what a researcher has been told and has said so far, and what brought it, as in `Asked`."""
        party = self._party(researcher, "researcher")
        return party.conversation, party.brought_by

    def follow(self, entry: Entry) -> Asked | None:
        """Take in the next event. Where it is a call of a base model, also a failed one, return what was asked."""
        place, stream = place_of(entry), entry.stream
        match entry.event:
            case Brief() as brief:
                party = self._party(stream, brief.role)
                party.begin(self._file.text(brief.system), place)
                party.tools, party.stage = _specs(self._file.text(brief.tools)), None
            case Decision(decision="next_step", choice=choice):
                self._party(stream, "researcher").stage = choice if choice in STAGES else None
            case Told(role="summariser", message=key):
                self._to_sum_up[stream] = self._file.message(key), place
            case Told(role=role, message=key):
                self._told(stream, role, self._file.message(key), place)
            case Compaction(dropped=dropped, summary=key):
                self._party(stream, "researcher").forget(dropped, self._file.message(key), place)
            case FailedCall(role=role):
                return self._asked(stream, role, self._hashes.get(place))
            case ModelCall(role=role) as call:
                asked = self._asked(stream, role, call.request)
                if role != "summariser":
                    self._party(stream, role).hear(self._file.message(call.reply), place)
                return asked
            case _:
                pass
        return None

    def _party(self, stream: str, role: Role) -> _Party:
        return self._parties.setdefault((stream, role), _Party())

    def _told(self, stream: str, role: Role, message: Message, place: str) -> None:
        """Let somebody hear a message. Only researchers remember what was before, apart from uses of tools."""
        if role != "researcher" and not message.tool_results:
            self._parties[stream, role] = _Party()
        self._party(stream, role).hear(message, place)

    def _asked(self, stream: str, role: Role, hash: str | None) -> Asked:
        """Return what somebody was asked: of all that it may have been, what has the hash, else the likeliest."""
        likeliest: Asked | None = None
        for party, tools in self._candidates(stream, role):
            request = Request(party.conversation, tools)
            asked = Asked(request, party.brought_by, request.hash == hash)
            if asked.exact:
                return asked
            likeliest = likeliest or asked
        assert likeliest is not None, "there is always something that may have been asked"
        return likeliest

    def _candidates(self, stream: str, role: Role) -> Iterator[tuple[_Party, tuple[ToolSpec, ...]]]:
        """Yield what somebody may have been asked, the likeliest first."""
        party = self._party(stream, "researcher" if role == "summariser" else role)
        if role in ("researcher", "summariser"):
            stage = None if party.stage is None else STAGES[party.stage]
            offered = party.tools if stage is None else tuple(tool for tool in party.tools if tool.name in stage.tools)
            for asked in self._summings_up(stream, party) if role == "summariser" else (party,):
                yield asked, offered
            return
        # What those who are asked in passing were told of who they are is not in the file: without a hash to
        # confirm it, nothing is claimed.
        yield party, ()
        for offer in self._offers.get(role, ()):
            told = _Party(party.conversation, party.brought_by)
            told.begin(offer.system, f"{party.brought_by[1]}.system")
            yield told, offer.tools

    def _summings_up(self, stream: str, party: _Party) -> Iterator[_Party]:
        """Yield what may have been summed up: each beginning of the conversation, with the question behind it."""
        question, place = self._to_sum_up[stream]
        messages = party.conversation.messages
        for length in (left_out(messages), *range(len(messages) + 1)):
            yield party.up_to(length, question, place)


def place_of(entry: Entry) -> str:
    """Return the place of an event in its run file, such as `r3.17`: stream and ordinal."""
    return f"{entry.stream}.{entry.ordinal}"


def _hashes(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the hashes of the requests that failed, by place: each is that of the call which ended the attempts."""
    found: dict[str, str] = {}
    ending: dict[tuple[str, Role], str] = {}
    for entry in reversed(entries):
        match entry.event:
            case ModelCall(role=role, request=request):
                ending[entry.stream, role] = request
            case Compaction(refused=str(refused)):
                ending[entry.stream, "researcher"] = refused
            case FailedCall(role=role) if (entry.stream, role) in ending:
                found[place_of(entry)] = ending[entry.stream, role]
            case _:
                pass
    return found


def _specs(definitions: str) -> tuple[ToolSpec, ...]:
    """Read tool definitions as the run file keeps them."""
    return tuple(ToolSpec(tool["name"], tool["description"], tool["input_schema"]) for tool in json.loads(definitions))
