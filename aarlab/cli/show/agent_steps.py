"""A run as steps: what one agent is told, thinks, does and hears of it at a time."""

from dataclasses import dataclass

from aarlab.memory.events import (
    TEAM,
    AgentSetup,
    FailedModelCall,
    ModelCall,
    Prompted,
    RoundStarted,
    ToolExecution,
    WorkAssigned,
)
from aarlab.memory.run_info import EventHeader
from aarlab.memory.run_reader import RunReader


@dataclass(slots=True)
class AgentStep:
    """A stretch of one agent's stream."""

    stream: str
    round: int
    first: int
    """Ordinal of its first event."""
    last: int
    """Ordinal of its last event."""


def agent_steps(file: RunReader) -> list[AgentStep]:
    """Return the steps of a run, in the order in which they began. Together they are all events, each once."""
    steps: list[AgentStep] = []
    open_steps: dict[str, _OpenStep] = {}
    for heading in file.event_headers():
        open_ = open_steps.get(heading.stream)
        if open_ is None or not open_.accepts(heading):
            steps.append(AgentStep(heading.stream, heading.round, heading.ordinal, heading.ordinal))
            open_ = open_steps[heading.stream] = _OpenStep(steps[-1], None if open_ is None else open_.role)
        open_.add(heading)
    return steps


@dataclass(slots=True)
class _OpenStep:
    """A step that may not be over."""

    step: AgentStep
    role: str | None
    """The part that the agent plays; whoever is asked on its behalf, such as its reviewer, plays another."""
    kind: str = ""
    """Of its last event."""
    has_reply: bool = False
    """Whether its thought has been had, so that another would be another step."""

    def accepts(self, heading: EventHeader) -> bool:
        """Whether the event that comes next in the stream belongs to the step."""
        if self.step.stream == TEAM:
            # What happens to the team comes in rows, such as the findings that are published.
            return heading.kind == self.kind != RoundStarted.kind
        if heading.role is not None and self.role is not None and heading.role != self.role:
            return True
        if heading.kind == AgentSetup.kind:
            return False
        if heading.kind == Prompted.kind and self.kind == ToolExecution.kind:
            return True  # what came of its tools
        opens = heading.kind in (Prompted.kind, ModelCall.kind, FailedModelCall.kind, WorkAssigned.kind)
        return not (opens and self.has_reply)

    def add(self, heading: EventHeader) -> None:
        """Make the event part of the step."""
        if self.role is None:
            self.role = heading.role
        self.step.last, self.kind = heading.ordinal, heading.kind
        self.has_reply |= heading.kind == AgentSetup.kind or (
            heading.kind == ModelCall.kind and heading.role == self.role
        )
