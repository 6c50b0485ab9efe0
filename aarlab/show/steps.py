"""A run as steps: what one agent is told, thinks, does and hears of it at a time."""

from dataclasses import dataclass

from aarlab.memory.events import (
    TEAM,
    Assignment,
    Brief,
    FailedCall,
    ModelCall,
    RoundBegan,
    Told,
    ToolCall,
)
from aarlab.memory.runfile import Heading, RunFile


@dataclass(slots=True)
class Step:
    """A stretch of one agent's stream."""

    stream: str
    round: int
    first: int
    """Ordinal of its first event."""
    last: int
    """Ordinal of its last event."""


def steps_of(file: RunFile) -> list[Step]:
    """Return the steps of a run, in the order in which they began. Together they are all events, each once."""
    steps: list[Step] = []
    growing: dict[str, _Growing] = {}
    for heading in file.headings():
        open_ = growing.get(heading.stream)
        if open_ is None or not open_.takes(heading):
            steps.append(Step(heading.stream, heading.round, heading.ordinal, heading.ordinal))
            open_ = growing[heading.stream] = _Growing(steps[-1], None if open_ is None else open_.role)
        open_.take(heading)
    return steps


@dataclass(slots=True)
class _Growing:
    """A step that may not be over."""

    step: Step
    role: str | None
    """The part that the agent plays; whoever is asked on its behalf, such as its reviewer, plays another."""
    kind: str = ""
    """Of its last event."""
    spoken: bool = False
    """Whether its thought has been had, so that another would be another step."""

    def takes(self, heading: Heading) -> bool:
        """Whether the event that comes next in the stream belongs to the step."""
        if self.step.stream == TEAM:
            # What happens to the team comes in rows, such as the findings that are published.
            return heading.kind == self.kind != RoundBegan.kind
        if heading.role is not None and self.role is not None and heading.role != self.role:
            return True
        if heading.kind == Brief.kind:
            return False
        if heading.kind == Told.kind and self.kind == ToolCall.kind:
            return True  # what came of its tools
        opens = heading.kind in (Told.kind, ModelCall.kind, FailedCall.kind, Assignment.kind)
        return not (opens and self.spoken)

    def take(self, heading: Heading) -> None:
        """Make the event part of the step."""
        if self.role is None:
            self.role = heading.role
        self.step.last, self.kind = heading.ordinal, heading.kind
        self.spoken |= heading.kind == Brief.kind or (heading.kind == ModelCall.kind and heading.role == self.role)
