"""What base models were asked in a run, to the letter, put together again from its events.

Of a call the run file keeps a hash over the whole request; what was said is kept once, as it was said. The hash tells
whether what is put together here is what was asked then.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aarlab.agents.models.base import Request
from aarlab.export.inspect.role_prompts import role_prompts
from aarlab.graph.calls.compaction import n_droppable
from aarlab.graph.flow.stages import STAGES
from aarlab.memory.events import AgentSetup, Compaction, Decision, FailedModelCall, LogEntry, ModelCall, Prompted, Role
from aarlab.memory.messages import Conversation, Message, ToolSpec, tool_from_json
from aarlab.memory.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class ReconstructedRequest:
    """What stood before a base model when it was called."""

    request: Request
    """Without a system prompt and tools where these are not known."""
    exact: bool
    """Whether it has the hash that the run file has of what was asked."""


@dataclass(slots=True)
class _CallerState:
    """One who is asked, with what it has been told and has said so far."""

    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    tools: tuple[ToolSpec, ...] = ()
    """All that it was given."""
    stage: str | None = None
    """Where it stands in a fixed workflow, in which not all tools are offered all the time."""

    def add(self, *messages: Message) -> None:
        """Add what was told or answered."""
        self.conversation = self.conversation.then(*messages)

    @property
    def visible_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that are before it now."""
        return self.tools if self.stage is None else tuple(t for t in self.tools if t.name in STAGES[self.stage].tools)


class RequestReconstructor:
    """Follows a run's events, and knows at each call what was asked."""

    def __init__(self, file: RunReader, entries: Sequence[LogEntry]) -> None:
        """Take an open run file and all its events, which are then to be followed in order."""
        self._file = file
        self._hashes = _hashes(entries)
        self._role_prompts = role_prompts(file)
        self._states: dict[tuple[str, Role], _CallerState] = {}
        """By stream and role: a reviewer is asked by several researchers at a time."""
        self._summariser_message: dict[str, Message] = {}
        """By stream, what a researcher was last told when it had to sum up."""

    def conversation(self, researcher: str) -> Conversation:
        """Return what a researcher has been told and has said so far."""
        return self._state_of(researcher, "researcher").conversation

    def follow(self, entry: LogEntry) -> ReconstructedRequest | None:
        """Take in the next event. Where it is a call of a base model, also a failed one, return what was asked."""
        stream, message = entry.stream, self._file.message
        match entry.event:
            case AgentSetup() as brief:
                state = self._state_of(stream, brief.role)
                state.conversation = _under(self._file.text(brief.system), state.conversation.messages)
                state.tools, state.stage = _specs(self._file.text(brief.tools)), None
            case Decision(decision="next_step", choice=choice):
                self._state_of(stream, "researcher").stage = choice if choice in STAGES else None
            case Prompted(role="summariser", message=key):
                self._summariser_message[stream] = message(key)
            case Prompted(role=role, message=key):
                self._add_message(stream, role, message(key))
            case Compaction(dropped=dropped, summary=key):
                state = self._state_of(stream, "researcher")
                kept = state.conversation.messages[dropped:]
                state.conversation = _under(state.conversation.system, (message(key), *kept))
            case FailedModelCall(role=role):
                return self._reconstructed(stream, role, self._hashes.get(event_id(entry)))
            case ModelCall(role="summariser", request=hash):
                return self._reconstructed(stream, "summariser", hash)
            case ModelCall(role=role, request=hash, reply=key):
                asked = self._reconstructed(stream, role, hash)
                self._state_of(stream, role).add(message(key))
                return asked
            case _:
                pass
        return None

    def _state_of(self, stream: str, role: Role) -> _CallerState:
        return self._states.setdefault((stream, role), _CallerState())

    def _add_message(self, stream: str, role: Role, message: Message) -> None:
        """Let somebody hear a message. Only researchers remember what was before, apart from uses of tools."""
        if role != "researcher" and not message.tool_results:
            self._states[stream, role] = _CallerState()
        self._state_of(stream, role).add(message)

    def _reconstructed(self, stream: str, role: Role, hash: str | None) -> ReconstructedRequest:
        """Return what somebody was asked: of all that it may have been, what has the hash, else the likeliest."""
        likeliest: Request | None = None
        for request in self._candidates(stream, role):
            if request.hash == hash:
                return ReconstructedRequest(request, exact=True)
            likeliest = likeliest or request
        assert likeliest is not None, "there is always something that may have been asked"
        return ReconstructedRequest(likeliest, exact=False)

    def _candidates(self, stream: str, role: Role) -> Iterator[Request]:
        """Yield what somebody may have been asked, the likeliest first."""
        if role == "summariser":
            yield from self._summariser_candidates(stream)
            return
        state = self._state_of(stream, role)
        yield Request(state.conversation, state.visible_tools)
        # What those who are asked in passing were told of who they are is not in the file. Without a hash to
        # confirm it, nothing is claimed.
        for role_prompt in self._role_prompts.get(role, ()):
            yield Request(_under(role_prompt.system, state.conversation.messages), role_prompt.tools)

    def _summariser_candidates(self, stream: str) -> Iterator[Request]:
        """Yield what may have been summed up: each beginning of the conversation, with the question behind it."""
        state, question = self._state_of(stream, "researcher"), self._summariser_message[stream]
        messages = state.conversation.messages
        for length in (n_droppable(messages), *range(len(messages) + 1)):
            yield Request(_under(state.conversation.system, (*messages[:length], question)), state.visible_tools)


def event_id(entry: LogEntry) -> str:
    """Return the place of an event in its run file, such as `r3.17`: stream and ordinal."""
    return f"{entry.stream}.{entry.ordinal}"


def _under(system: str, messages: Sequence[Message]) -> Conversation:
    """Return a conversation that begins with a system prompt."""
    return Conversation.begin(system).then(*messages)


def _hashes(entries: Sequence[LogEntry]) -> dict[str, str]:
    """Return the hashes of the requests that failed, by place: each is that of the call which ended the attempts."""
    found: dict[str, str] = {}
    ending: dict[tuple[str, Role], str] = {}
    for entry in reversed(entries):
        match entry.event:
            case ModelCall(role=role, request=request):
                ending[entry.stream, role] = request
            case Compaction(rejected_request=str(refused)):
                ending[entry.stream, "researcher"] = refused
            case FailedModelCall(role=role) if (entry.stream, role) in ending:
                found[event_id(entry)] = ending[entry.stream, role]
            case _:
                pass
    return found


def _specs(definitions: str) -> tuple[ToolSpec, ...]:
    """Read tool definitions as the run file keeps them."""
    return tuple(map(tool_from_json, json.loads(definitions)))
