"""A run divided into steps: a message to an agent, its reply, its tool calls and their results."""

from dataclasses import dataclass

from aarlab.memory.events import (
    LAB,
    TEAM,
    AgentSetup,
    FailedModelCall,
    ModelCall,
    Prompted,
    RoundStarted,
    TaskAssigned,
    ToolExecution,
    WorkAssigned,
)
from aarlab.memory.run_info import EventHeader
from aarlab.memory.run_reader import RunReader

_OPENING_KINDS = {
    kind.kind for kind in (Prompted, ModelCall, FailedModelCall, WorkAssigned, TaskAssigned)
}  # fmt: skip
"""Kinds of events that open a step after a reply."""


@dataclass(slots=True)
class AgentStep:
    """Consecutive events of one stream."""

    stream: str
    round: int
    first: int
    """Ordinal of its first event."""
    last: int
    """Ordinal of its last event."""


def agent_steps(file: RunReader) -> list[AgentStep]:
    """Return the steps of a run in the order of their first events. Each event is in exactly one step."""
    steps: list[AgentStep] = []
    open_steps: dict[str, _OpenStep] = {}
    for header in file.event_headers():
        open_step = open_steps.get(header.stream)
        if open_step is None or not open_step.accepts(header):
            steps.append(AgentStep(header.stream, header.round, header.ordinal, header.ordinal))
            role = None if open_step is None else open_step.role
            open_step = open_steps[header.stream] = _OpenStep(steps[-1], role)
        open_step.add(header)
    return steps


@dataclass(slots=True)
class _OpenStep:
    """A step to which events can be added."""

    step: AgentStep
    role: str | None
    """Role of the agent. Calls to its reviewer have another role in the same stream."""
    kind: str = ""
    """Kind of the last event."""
    has_reply: bool = False
    """Whether it contains the setup or a reply of the agent; the next reply starts a new step."""

    def accepts(self, header: EventHeader) -> bool:
        """Return whether the next event of the stream belongs to the step."""
        if self.step.stream in (TEAM, LAB):
            # Consecutive events of one kind, such as published findings, are one step.
            return header.kind == self.kind != RoundStarted.kind
        if header.role is not None and self.role is not None and header.role != self.role:
            return True
        if header.kind == AgentSetup.kind:
            return False
        if header.kind == Prompted.kind and self.kind == ToolExecution.kind:
            return True  # results of its tool calls
        opens = header.kind in _OPENING_KINDS
        return not (opens and self.has_reply)

    def add(self, header: EventHeader) -> None:
        """Add the event to the step."""
        if self.role is None:
            self.role = header.role
        self.step.last, self.kind = header.ordinal, header.kind
        self.has_reply |= header.kind == AgentSetup.kind or (header.kind == ModelCall.kind and header.role == self.role)
