"""The lab: what the nodes of the graphs work with. The graphs hold names and counters; the rest is here or in the run
file.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from aarlab.agents.models.base import Reply
from aarlab.agents.researcher import truncation_message
from aarlab.graph.calls.call import CallContext
from aarlab.graph.calls.compaction import ContextWindow, call_within_window
from aarlab.graph.calls.model_pool import AgentModel, ModelPool
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.dials.dial import ResolvedStructure
from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, AgentSetup, Event, Prompted
from aarlab.memory.messages import Conversation, Message, ToolCall, ToolResult, canonical_json, user_message
from aarlab.memory.run_tape import Divergence
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.run_evaluator import EvaluatorProtocol
from aarlab.tools.session import ToolSession
from aarlab.tools.tool import Tool

REVIEWER, OVERSEER, PLANNER = "reviewer", "overseer", "planner"
"""Names, and streams, of those who are not researchers."""
MAX_CONTINUATIONS = 2
"""How often a researcher whose answer was cut off is asked to go on before it is left to rest."""


@dataclass(slots=True)
class AgentSession:
    """A researcher at work: its bench, its base model and what has been said between them."""

    tool_session: ToolSession
    model: AgentModel
    tools: Mapping[str, Tool]
    """The tools it is offered, by name."""
    direction: str | None = None
    """The direction it was given."""
    neighbours: list[str] | None = None
    """Whose findings reach it; None: everybody's, where findings are shared at all."""
    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    assigned: bool = False
    """Whether an assignment is open."""
    assignments: int = 0
    """How many it has been given."""
    first_node: str = "think"
    """The node with which it begins: a thought, an assignment, or the first stage of a fixed workflow."""
    stage: str = ""
    """Where it stands in a fixed workflow."""
    repairs: int = 0
    """How often it has been sent back to repair the method at hand."""
    last_result: Mapping[str, Any] = field(default_factory=dict)
    """What came of the last experiment that the lab ran for it."""
    window: ContextWindow = field(default_factory=ContextWindow)
    """How much of the conversation its base model has to keep in mind, and may."""
    exhausted: bool = False
    """Whether it has met a limit: then it rests to the end."""
    recorded_setup: AgentSetup | None = None
    """What it has been told of who it is and what it may do."""

    def brief(self, system: str) -> None:
        """Tell the researcher who it is and what it may do, and record it, unless it has been told just that before.

        In the midst of a run, what has been said stays said.
        """
        file, before = self.tool_session.file, self.recorded_setup
        tools = file.store_text(canonical_json([tool.spec.to_json() for tool in self.tools.values()]))
        key = file.store_text(system)
        brief = AgentSetup("researcher", self.model.name, key, tools, self.direction, self.neighbours)
        if brief == before:
            return
        self.conversation = Conversation.begin(system).then(*self.conversation.messages)
        self.tool_session.record(brief)
        self.recorded_setup = brief
        if before is None or before.direction != brief.direction:
            self.tool_session.record_decision("direction", self.direction or "free")

    def add_message(self, message: Message) -> None:
        """Put a message before the researcher."""
        self.conversation = self.conversation.then(message)
        self.tool_session.record(Prompted("researcher", self.tool_session.file.store_message(message)))

    def add_tool_results(self, results: list[ToolResult]) -> None:
        """Hand back the results of its tools."""
        self.add_message(Message("user", tuple(results)))

    def close_assignment(self, tool_calls: tuple[ToolCall, ...], results: list[ToolResult]) -> bool:
        """Close the open assignment if a finding with an experiment has been posted, and tell whether it was."""
        for tool_call, result in zip(tool_calls, results, strict=True):
            if tool_call.name == "post_finding" and tool_call.arguments.get("experiment") and not result.is_error:
                self.assigned = False
                return True
        return False

    async def think(self, offered: Mapping[str, Tool]) -> Message:
        """Let the researcher think and answer, with these tools before it."""
        reply = await self._call_model(offered)
        for _ in range(MAX_CONTINUATIONS):
            if (
                reply.stop_reason != "max_tokens"
                or reply.message.tool_calls
                or not self.tool_session.can_afford("think")
            ):
                break
            self.add_message(user_message(truncation_message()))
            reply = await self._call_model(offered)
        return reply.message

    async def _call_model(self, offered: Mapping[str, Tool]) -> Reply:
        reply = await call_within_window(self, tuple(tool.spec for tool in offered.values()))
        self.conversation = self.conversation.then(reply.message)
        return reply


@dataclass(slots=True)
class RunContext:
    """One run's team at work."""

    scenario: Scenario
    resolved: ResolvedStructure
    file: RunWriter
    board: Board
    evaluator: EvaluatorProtocol
    neighbours: Mapping[str, Set[str]] | None
    """Whose findings reach whom; None: everybody's reach everybody."""
    reviewer: AgentModel | None
    overseer: AgentModel | None
    planner: AgentModel | None
    sessions: dict[str, AgentSession]
    """By researcher, in the order of the team."""
    model_pool: ModelPool
    """Pays for their base models, and closes them."""
    progress: Progress | None = None
    """Told about slow preparations."""
    divergences: list[Divergence] = field(default_factory=list)
    """Where researchers have parted from the tape, in a run that happens again."""
    planned: bool = False
    """Whether what the structure wants in advance has been written."""
    setup_round: int = 0
    """The round in which everybody is briefed: 0 is before the work begins."""
    forked_after: int | None = None
    """The last round under this structure, where the run was forked then; None: it goes on to the close."""

    @property
    def rounds(self) -> int:
        """Number of rounds that the budget allows."""
        return self.scenario.rounds

    def slice_end(self, round: int) -> float:
        """Return the research hour at which a round's slice ends, for each researcher."""
        return min(round * self.scenario.budget.round_hours, self.scenario.budget.hours)

    def report_progress(self, activity: str, share: float) -> None:
        """Tell whoever watches what is being done and the share of it that is done, in [0, 1]."""
        if self.progress is not None:
            self.progress(activity, share)

    def record(self, event: Event, *, round: int, stream: str = TEAM) -> None:
        """Write an event that happened to the team, or to the reviewer, at the end of a round."""
        self.file.append(stream, event, round=round, hours=self.slice_end(round))

    def call_context(self, stream: str, round: int) -> CallContext:
        """Return where an agent is asked that works for the team as a whole, at the end of a round."""
        return CallContext(self.file, stream, round, lambda event: self.record(event, round=round, stream=stream))
