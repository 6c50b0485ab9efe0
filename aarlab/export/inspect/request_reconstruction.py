"""Reconstruct the requests to base models from the events of a run.

For each model call the run file has the hash of the request, and each message once. The hash confirms that a
reconstructed request is the one that was sent.
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
    """A request to a base model, reconstructed from the run file."""

    request: Request
    """Without system prompt and tools if they are not known."""
    exact: bool
    """Whether the request has the recorded hash."""


@dataclass(slots=True)
class _CallerState:
    """The conversation and the tools of one agent in one role, up to the current event."""

    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    tools: tuple[ToolSpec, ...] = ()
    """All tools of the agent."""
    stage: str | None = None
    """Current stage of a staged workflow, which limits the visible tools; None in other workflows."""

    def add(self, *messages: Message) -> None:
        """Append messages to the conversation."""
        self.conversation = self.conversation.then(*messages)

    @property
    def visible_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that a request contains at the current stage."""
        return self.tools if self.stage is None else tuple(t for t in self.tools if STAGES[self.stage].offers(t.name))


class RequestReconstructor:
    """Reads the events of a run in order and reconstructs the request of each model call."""

    def __init__(self, file: RunReader, entries: Sequence[LogEntry]) -> None:
        """Prepare for an open run file and all its events. Pass the events to `follow` in the same order."""
        self._file = file
        self._failed_call_hashes = _failed_call_hashes(entries)
        self._role_prompts = role_prompts(file)
        self._states: dict[tuple[str, Role], _CallerState] = {}
        """By stream and role, because one reviewer has separate conversations about several researchers."""
        self._summariser_message: dict[str, Message] = {}
        """By stream: the last request to summarise the conversation."""

    def conversation(self, researcher: str) -> Conversation:
        """Return the conversation of a researcher up to the last event that was followed."""
        return self._state_of(researcher, "researcher").conversation

    def follow(self, entry: LogEntry) -> ReconstructedRequest | None:
        """Process the next event. Return the request if the event is a model call, failed calls included, else None."""
        stream, message = entry.stream, self._file.message
        match entry.event:
            case AgentSetup() as setup:
                state = self._state_of(stream, setup.role)
                state.conversation = _with_system(self._file.text(setup.system), state.conversation.messages)
                state.tools, state.stage = _tool_specs(self._file.text(setup.tools)), None
            case Decision(decision="next_step", choice=choice):
                self._state_of(stream, "researcher").stage = choice if choice in STAGES else None
            case Prompted(role="summariser", message=key):
                self._summariser_message[stream] = message(key)
            case Prompted(role=role, message=key):
                self._add_message(stream, role, message(key))
            case Compaction(dropped=dropped, summary=key):
                state = self._state_of(stream, "researcher")
                kept = state.conversation.messages[dropped:]
                state.conversation = _with_system(state.conversation.system, (message(key), *kept))
            case FailedModelCall(role=role):
                return self._reconstructed(stream, role, self._failed_call_hashes.get(event_id(entry)))
            case ModelCall(role="summariser", request=hash):
                return self._reconstructed(stream, "summariser", hash)
            case ModelCall(role=role, request=hash, reply=key):
                reconstructed = self._reconstructed(stream, role, hash)
                self._state_of(stream, role).add(message(key))
                return reconstructed
            case _:
                pass
        return None

    def _state_of(self, stream: str, role: Role) -> _CallerState:
        return self._states.setdefault((stream, role), _CallerState())

    def _add_message(self, stream: str, role: Role, message: Message) -> None:
        """Append a message. Roles other than researcher start a new conversation unless it has tool results."""
        if role != "researcher" and not message.tool_results:
            self._states[stream, role] = _CallerState()
        self._state_of(stream, role).add(message)

    def _reconstructed(self, stream: str, role: Role, hash: str | None) -> ReconstructedRequest:
        """Return the candidate with the recorded hash, or the most likely one if none has it."""
        most_likely: Request | None = None
        for request in self._candidates(stream, role):
            if request.hash == hash:
                return ReconstructedRequest(request, exact=True)
            most_likely = most_likely or request
        assert most_likely is not None, "every role has at least one candidate"
        return ReconstructedRequest(most_likely, exact=False)

    def _candidates(self, stream: str, role: Role) -> Iterator[Request]:
        """Yield the requests that may have been sent, the most likely first."""
        if role == "summariser":
            yield from self._summariser_candidates(stream)
            return
        state = self._state_of(stream, role)
        yield Request(state.conversation, state.visible_tools)
        # The run file does not contain the system prompts of the other roles. The hash shows whether the prompt of this
        # version was sent.
        for role_prompt in self._role_prompts.get(role, ()):
            yield Request(_with_system(role_prompt.system, state.conversation.messages), role_prompt.tools)

    def _summariser_candidates(self, stream: str) -> Iterator[Request]:
        """Yield each beginning of the conversation, followed by the request to summarise it."""
        state, question = self._state_of(stream, "researcher"), self._summariser_message[stream]
        messages = state.conversation.messages
        for length in (n_droppable(messages), *range(len(messages) + 1)):
            yield Request(_with_system(state.conversation.system, (*messages[:length], question)), state.visible_tools)


def event_id(entry: LogEntry) -> str:
    """Return the id of an event in its run file, stream and ordinal, such as `r3.17`."""
    return f"{entry.stream}.{entry.ordinal}"


def _with_system(system: str, messages: Sequence[Message]) -> Conversation:
    """Return a conversation with a system prompt and messages."""
    return Conversation.begin(system).then(*messages)


def _failed_call_hashes(entries: Sequence[LogEntry]) -> dict[str, str]:
    """Return the request hash of each failed call by event id. The call that ends a series of attempts records it."""
    hashes: dict[str, str] = {}
    final_hash: dict[tuple[str, Role], str] = {}
    for entry in reversed(entries):
        match entry.event:
            case ModelCall(role=role, request=request):
                final_hash[entry.stream, role] = request
            case Compaction(rejected_request=str(rejected)):
                final_hash[entry.stream, "researcher"] = rejected
            case FailedModelCall(role=role) if (entry.stream, role) in final_hash:
                hashes[event_id(entry)] = final_hash[entry.stream, role]
            case _:
                pass
    return hashes


def _tool_specs(definitions: str) -> tuple[ToolSpec, ...]:
    """Return the tools of an agent, parsed from their definitions in the run file."""
    return tuple(map(tool_from_json, json.loads(definitions)))
