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
from aarlab.memory.messages import Conversation, Message, ToolSpec, tool_from_json
from aarlab.memory.runfile import Entry, RunFile


@dataclass(frozen=True, slots=True)
class Asked:
    """What stood before a base model when it was called."""

    request: Request
    """Without a system prompt and tools where these are not known."""
    exact: bool
    """Whether it has the hash that the run file has of what was asked."""


@dataclass(slots=True)
class _Party:
    """One who is asked, with what it has been told and has said so far."""

    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    tools: tuple[ToolSpec, ...] = ()
    """All that it was given."""
    stage: str | None = None
    """Where it stands in a fixed workflow, in which not all tools are offered all the time."""

    def hear(self, *messages: Message) -> None:
        """Add what was told or answered."""
        self.conversation = self.conversation.then(*messages)

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that are before it now."""
        return self.tools if self.stage is None else tuple(t for t in self.tools if t.name in STAGES[self.stage].tools)


class Asking:
    """Follows a run's events, and knows at each call what was asked."""

    def __init__(self, file: RunFile, entries: Sequence[Entry]) -> None:
        """Take an open run file and all its events, which are then to be followed in order."""
        self._file = file
        self._hashes = _hashes(entries)
        self._offers = offers(file)
        self._parties: dict[tuple[str, Role], _Party] = {}
        """By stream and role: a reviewer is asked by several researchers at a time."""
        self._to_sum_up: dict[str, Message] = {}
        """By stream, what a researcher was last told when it had to sum up."""

    def conversation(self, researcher: str) -> Conversation:
        """Return what a researcher has been told and has said so far."""
        return self._party(researcher, "researcher").conversation

    def follow(self, entry: Entry) -> Asked | None:
        """Take in the next event. Where it is a call of a base model, also a failed one, return what was asked."""
        stream, message = entry.stream, self._file.message
        match entry.event:
            case Brief() as brief:
                party = self._party(stream, brief.role)
                party.conversation = _under(self._file.text(brief.system), party.conversation.messages)
                party.tools, party.stage = _specs(self._file.text(brief.tools)), None
            case Decision(decision="next_step", choice=choice):
                self._party(stream, "researcher").stage = choice if choice in STAGES else None
            case Told(role="summariser", message=key):
                self._to_sum_up[stream] = message(key)
            case Told(role=role, message=key):
                self._told(stream, role, message(key))
            case Compaction(dropped=dropped, summary=key):
                party = self._party(stream, "researcher")
                kept = party.conversation.messages[dropped:]
                party.conversation = _under(party.conversation.system, (message(key), *kept))
            case FailedCall(role=role):
                return self._asked(stream, role, self._hashes.get(place_of(entry)))
            case ModelCall(role="summariser", request=hash):
                return self._asked(stream, "summariser", hash)
            case ModelCall(role=role, request=hash, reply=key):
                asked = self._asked(stream, role, hash)
                self._party(stream, role).hear(message(key))
                return asked
            case _:
                pass
        return None

    def _party(self, stream: str, role: Role) -> _Party:
        return self._parties.setdefault((stream, role), _Party())

    def _told(self, stream: str, role: Role, message: Message) -> None:
        """Let somebody hear a message. Only researchers remember what was before, apart from uses of tools."""
        if role != "researcher" and not message.tool_results:
            self._parties[stream, role] = _Party()
        self._party(stream, role).hear(message)

    def _asked(self, stream: str, role: Role, hash: str | None) -> Asked:
        """Return what somebody was asked: of all that it may have been, what has the hash, else the likeliest."""
        likeliest: Request | None = None
        for request in self._candidates(stream, role):
            if request.hash == hash:
                return Asked(request, exact=True)
            likeliest = likeliest or request
        assert likeliest is not None, "there is always something that may have been asked"
        return Asked(likeliest, exact=False)

    def _candidates(self, stream: str, role: Role) -> Iterator[Request]:
        """Yield what somebody may have been asked, the likeliest first."""
        if role == "summariser":
            yield from self._summings_up(stream)
            return
        party = self._party(stream, role)
        yield Request(party.conversation, party.offered)
        # What those who are asked in passing were told of who they are is not in the file. Without a hash to
        # confirm it, nothing is claimed.
        for offer in self._offers.get(role, ()):
            yield Request(_under(offer.system, party.conversation.messages), offer.tools)

    def _summings_up(self, stream: str) -> Iterator[Request]:
        """Yield what may have been summed up: each beginning of the conversation, with the question behind it."""
        party, question = self._party(stream, "researcher"), self._to_sum_up[stream]
        messages = party.conversation.messages
        for length in (left_out(messages), *range(len(messages) + 1)):
            yield Request(_under(party.conversation.system, (*messages[:length], question)), party.offered)


def place_of(entry: Entry) -> str:
    """Return the place of an event in its run file, such as `r3.17`: stream and ordinal."""
    return f"{entry.stream}.{entry.ordinal}"


def _under(system: str, messages: Sequence[Message]) -> Conversation:
    """Return a conversation that begins with a system prompt."""
    return Conversation.begin(system).then(*messages)


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
    return tuple(map(tool_from_json, json.loads(definitions)))
