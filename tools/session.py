"""The session of one agent: the state that its tools and model calls read and change, and its research hours."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aarlab.memory.board import Board
from aarlab.memory.events import (
    AgentSetup,
    Decider,
    Decision,
    DecisionKind,
    Event,
    Experiment,
    FileWritten,
    MessageEdited,
    Prompted,
)
from aarlab.memory.messages import Conversation, Json, Message, ToolResult, canonical_json, content_hash
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.evaluator.results import EvaluatorProtocol


@dataclass(slots=True)
class AgentSession:
    """The state of one researcher during a run.

    The graph reads and changes it between model calls; tools get it as the first argument of their handler.
    """

    agent: str
    """Name of the researcher, which is also its stream in the event log."""
    file: RunWriter
    board: Board
    evaluator: EvaluatorProtocol
    costs: Mapping[str, float]
    """Research hours of each kind of step."""
    budget_hours: float
    """Research hours of this researcher in the whole run."""
    seconds_per_hour: float | None = None
    """Seconds on the device that are one research hour of an experiment; None: experiments cost what `costs` says."""
    score_name: str = "PGR"
    """Name of the task's score, for the user."""
    hours: float = 0.0
    """Research hours used so far."""
    round: int = 0
    first_round: int = 1
    """Round in which it started; later than 1 if it took the place of another researcher."""

    workspace: dict[str, str] = field(default_factory=dict)
    """Files of the researcher: text by path."""
    borrowed_from: dict[str, str] = field(default_factory=dict)
    """Finding id by the code hash of the method that was borrowed from it."""
    experiments: dict[str, Experiment] = field(default_factory=dict)
    """Experiments of this researcher by id."""
    id_counters: dict[str, int] = field(default_factory=dict)
    """Last number of each kind of identifier."""
    full_experiment_cap: int | None = None
    """Maximum number of scored full experiments; None: no maximum."""
    deciders: Mapping[DecisionKind, Decider] = field(default_factory=dict)
    """Decider by kind of decision; the researcher takes all other decisions."""
    librarian: Callable[[str], Awaitable[tuple[str, list[str]]]] | None = None
    """Answers a question with a text and finding ids; None: the structure has no librarian."""

    setup: AgentSetup | None = None
    """The last recorded setup: base model, system prompt, tools, direction, neighbours."""
    conversation: Conversation = field(default_factory=lambda: Conversation.begin(""))
    compact_at: int | None = None
    """Tokens at which the conversation is compacted; None: only when the provider rejects a request as too long."""
    context_tokens: int = 0
    """Tokens of the last request and its reply."""

    direction: str | None = None
    """Assigned research direction; None: not assigned."""
    assigned: bool = False
    """Whether an assignment is open."""
    n_assignments: int = 0
    task: Message | None = None
    """Message with the lead's task for the next slice; None: none, or sent."""
    stage: str = ""
    """Current node of a staged workflow; empty: the first."""
    repairs: int = 0
    """Number of repairs of the current method in a staged workflow."""
    last_experiment: Mapping[str, Json] = field(default_factory=dict)
    """Result of the last experiment that a staged workflow ran."""
    failures: dict[str, int] = field(default_factory=dict)
    """Number of failures of each failed call, see `failure_key`."""
    repeating: bool = False
    """Whether the current call has failed before, unchanged and with an unchanged workspace."""
    agent_running: bool = False
    """Whether an outside agent was started in this slice and has not ended."""
    exhausted: bool = False
    """Whether the researcher makes no more calls: it reached a limit, or the overseer stopped the run at its call."""

    def record(self, event: Event, *, after: float = 0.0) -> None:
        """Append an event to this researcher's stream, at its current round and `after` hours from now."""
        self.file.append(self.agent, event, round=self.round, hours=self.hours + after)

    def record_decision(self, decision: DecisionKind, choice: str, *, decided_by: Decider | None = None) -> None:
        """Record a decision. By default the decider is that of `deciders`, else the agent."""
        self.record(Decision(decision, choice, decided_by or self.deciders.get(decision, "agent")))

    def failure_key(self, tool: str, arguments: Mapping[str, Json]) -> str:
        """Return the key of a call with the current workspace."""
        return content_hash(tool, canonical_json(arguments), canonical_json(self.workspace))

    def has_failed(self, tool: str, arguments: Mapping[str, Json]) -> bool:
        """Return whether the same call has failed before with the same workspace."""
        return bool(self.failures) and self.failure_key(tool, arguments) in self.failures

    def add_message(self, message: Message) -> None:
        """Append a message to the conversation and record it. In a fork, a person may have edited it."""
        edited = self.file.tape.edited_message(self.agent, self.file.next_ordinal(self.agent))
        received = message if edited is None else edited
        key = self.file.store_message(received)  # before `then`, which needs the same key
        self.conversation = self.conversation.then(received)
        self.record(Prompted("researcher", key))
        if edited is not None:
            self.record(MessageEdited(message.key))

    def add_tool_results(self, results: list[ToolResult]) -> None:
        """Append the results of the last tool calls to the conversation and record them."""
        self.add_message(Message("user", tuple(results)))

    def next_id(self, id_kind: str) -> str:
        """Return the next identifier of a kind: `r3.f1`, `r3.f2`, ... for findings, `r3.e1`, ... for experiments."""
        self.id_counters[id_kind] = self.id_counters.get(id_kind, 0) + 1
        return f"{self.agent}.{id_kind}{self.id_counters[id_kind]}"

    def hours_of(self, cost: str | float) -> float:
        """Return the research hours of an entry of the cost table, or the number itself."""
        return self.costs[cost] if isinstance(cost, str) else cost

    def spend(self, cost: str | float) -> float:
        """Add a cost to the used hours, and return the added hours."""
        hours = self.hours_of(cost)
        self.hours += hours
        return hours

    def can_afford(self, cost: str | float) -> bool:
        """Return whether the remaining hours cover a cost."""
        return self.hours + self.hours_of(cost) <= self.budget_hours + 1e-9

    def has_time(self, until: float) -> bool:
        """Return whether a step may begin before a research hour. A step that overruns shortens the next slice."""
        return self.hours < until - 1e-9 and self.can_afford("think")

    @property
    def full_experiments_left(self) -> int | None:
        """Number of full experiments that may still be scored; None: no maximum."""
        if self.full_experiment_cap is None:
            return None
        scored = [e for e in self.experiments.values() if e.fidelity == "full" and e.pgr is not None]
        return max(0, self.full_experiment_cap - len(scored))

    def write_file(self, path: str, text: str) -> None:
        """Write a file of the workspace and record it."""
        self.workspace[path] = text
        self.record(FileWritten(path, self.file.store_text(text)))
