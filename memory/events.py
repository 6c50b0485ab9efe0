"""What can happen in a run. One frozen record per kind of event; the run file's views are made from these definitions.

A *stream* is the sequence of events of one agent (or of the team as a whole), numbered from 0. Events of one stream
are in order; events of different streams of the same round happened side by side, so nothing may depend on their
interleaving.
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal

from typing_extensions import TypeVar

from aarlab.memory.messages import Json
from aarlab.memory.run_file_errors import SchemaError

TEAM = "team"
"""The stream of what happens to the team as a whole: rounds, publications, the close."""

Role = Literal["researcher", "reviewer", "librarian", "overseer", "planner", "summariser"]
"""In what part a base model is asked; a summariser is a researcher who sums its own conversation up."""
FindingType = Literal["hypothesis", "result", "insight", "error"]
EdgeKind = Literal["borrows", "refines", "critiques", "replicates"]
Fidelity = Literal["smoke", "pilot", "full"]
Decider = Literal["agent", "structure", "reviewer", "person"]
DecisionKind = Literal["direction", "idea", "parent", "next_step", "fidelity", "share", "publish"]
Panel = Literal["development", "screening", "final", "heldout", "shifted", "transfer"]


EVENT_CLASS_BY_KIND: dict[str, "type[Event]"] = {}
"""Every event class by its kind, in the order of definition. Subclasses of `Event` add themselves."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the event log. Each subclass is one kind of event."""

    kind: ClassVar[str]
    """Name of the event in the log, and of the SQL view that shows its fields as columns."""

    def __init_subclass__(cls) -> None:
        """Register the class under its kind. Raises TypeError if another class has that kind."""
        # `slots=True` makes a second class of the same name, which replaces the first. That is also why there is no
        # call of `super()`: it would refer to the first `Event`.
        other = EVENT_CLASS_BY_KIND.get(cls.kind)
        if other is not None and other.__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__} has the event kind {cls.kind!r} of {other.__name__}; give it its own")
        EVENT_CLASS_BY_KIND[cls.kind] = cls

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values."""
        # `__slots__` lists the fields without the cost of `dataclasses.fields`.
        names: tuple[str, ...] = self.__slots__
        return {name: getattr(self, name) for name in names}


E_co = TypeVar("E_co", bound=Event, covariant=True, default=Event)


@dataclass(frozen=True, slots=True)
class LogEntry(Generic[E_co]):
    """An event with its position in the log."""

    id: int
    """Grows in the order of arrival."""
    stream: str
    ordinal: int
    """Position in the stream, from 0."""
    round: int
    hours: float
    """Research hours that the stream's agent had used."""
    event: E_co
    at: str
    """Wall-clock time, ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class AgentSetup(Event):
    """A researcher or reviewer was told who it is and what it may do."""

    kind: ClassVar[str] = "agent_setups"
    role: Role
    model: str
    """`provider/model` it thinks with."""
    system: str
    """Hash of the system prompt in `texts`."""
    tools: str
    """Hash of the tool definitions in `texts`."""
    direction: str | None
    """The direction it was given, None if it was given none."""
    neighbours: list[str] | None = None
    """The researchers whose findings reach it; None: everybody's do, or nobody's if nothing is shared."""


@dataclass(frozen=True, slots=True)
class Prompted(Event):
    """A message was put before an agent: the opening of a round, or the results of its tools."""

    kind: ClassVar[str] = "prompts"
    role: Role
    message: str
    """Hash in `messages`."""


@dataclass(frozen=True, slots=True)
class ModelCall(Event):
    """A base model was asked and answered."""

    kind: ClassVar[str] = "model_calls"
    role: Role
    model: str
    """Id of the model as served."""
    request: str
    """Hash over the whole conversation and the tools offered."""
    reply: str
    """Hash in `messages`."""
    stop_reason: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None: the price is not known."""
    cost_hours: float
    cache_read_tokens: int = 0
    """Of the input: what came from the provider's cache."""
    cache_written_tokens: int = 0
    """Of the input: what was put into the provider's cache."""

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values. Where there is no cache nothing is said about it."""
        fields = Event.to_json(self)
        return {name: value for name, value in fields.items() if value or not name.startswith("cache_")}


@dataclass(frozen=True, slots=True)
class FailedModelCall(Event):
    """A base model was asked in vain, and asked again or given up. What is known of the cost has been paid."""

    kind: ClassVar[str] = "failed_model_calls"
    role: Role
    model: str
    """`provider/model` that was asked."""
    fault: str
    """What went wrong."""
    input_tokens: int
    """Of a stream that broke off: what it said before."""
    output_tokens: int
    cost_usd: float | None
    """None: the price is not known."""
    waited_s: float
    """Seconds that were waited before the next attempt; 0 if there was none."""
    cache_read_tokens: int = 0
    """Of the input: what came from the provider's cache."""
    cache_written_tokens: int = 0
    """Of the input: what was put into the provider's cache."""


@dataclass(frozen=True, slots=True)
class Compaction(Event):
    """A researcher's conversation had become too long: its model summed the beginning up, which was then left out.

    The conversation goes on as the system prompt, the summary, and the messages that were kept.
    """

    kind: ClassVar[str] = "compactions"
    dropped: int
    """Messages that were left out, from the first on."""
    kept: int
    """Messages that follow the summary as they were."""
    tokens: int
    """Of the last request that was answered, and its answer."""
    rejected_request: str | None
    """Hash of the request that the provider refused as too long; None: `live.compact_at` was reached."""
    summary: str
    """Hash in `messages` of what is told in the place of the messages that were left out."""
    text: str
    """What the model wrote down; empty if it wrote nothing."""


@dataclass(frozen=True, slots=True)
class LimitReached(Event):
    """A budget, or the patience with a provider, came to its end, and with it somebody's work."""

    kind: ClassVar[str] = "limits"
    field: str
    """The scenario's field, such as `budget.usd`."""
    agent: str
    """Whose call it was that could not be made."""
    ends_run: bool
    """Whether the whole run ends with it; else only this researcher's work does."""
    message: str
    """The sentence for people."""


@dataclass(frozen=True, slots=True)
class ToolExecution(Event):
    """A tool was used. Arguments and result stand in the messages before and after."""

    kind: ClassVar[str] = "tool_executions"
    tool_call_id: str
    tool: str
    ok: bool
    summary: str
    """One line for people."""
    cost_hours: float


@dataclass(frozen=True, slots=True)
class Decision(Event):
    """Something was decided; realised autonomy counts by whom."""

    kind: ClassVar[str] = "decisions"
    decision: DecisionKind
    choice: str
    taken_by: Decider


@dataclass(frozen=True, slots=True)
class Experiment(Event):
    """A method was run by its researcher."""

    kind: ClassVar[str] = "experiments"
    id: str
    path: str
    """Workspace file that held the method."""
    code: str
    """Hash of the method's code in `texts`."""
    fidelity: Fidelity
    error: str | None
    """What went wrong, None if it ran."""
    pgr: float | None
    """Mean over the worlds, as it was told; None after an error and for a smoke test."""
    se: float | None
    """Standard error of the mean over worlds; None for fewer than two worlds."""
    log: list[dict[str, Any]]
    """The training log, averaged over worlds: signals that need no label."""
    work: float = 1.0
    """Share of the planned worlds that it was run on, in (0, 1]; less than 1 where it failed on the first."""


@dataclass(frozen=True, slots=True)
class Evaluation(Event):
    """The evaluator's ledger: labels were consulted, for whom the stream says, how often the number of entries.

    Baselines and the close have their entries too.
    """

    kind: ClassVar[str] = "evaluations"
    subject: str
    """Experiment id, finding id, or `baseline:NAME`."""
    panel: Panel
    code: str
    """Hash of the method's code in `texts`."""
    worlds: int
    """Number of worlds scored; 0 if the method failed."""
    pgr: float | None
    se: float | None
    transfer_acc: float | None
    weak_acc: float | None
    strong_acc: float | None
    shuffled_pgr: float | None = None
    """What is left of `pgr` when the teacher's labels are shuffled; None where that was not tried."""
    task: str | None = None
    """The other task it was transferred to; None: it is the run's own."""


@dataclass(frozen=True, slots=True)
class Finding(Event):
    """A post on the board."""

    kind: ClassVar[str] = "findings"
    id: str
    author: str
    type: FindingType
    title: str
    body: str
    family: str
    """Method family, as the author declares it."""
    experiment: str | None
    """The experiment it reports on."""
    code: str | None
    """Hash of that experiment's method in `texts`."""
    fidelity: Fidelity | None
    pgr: float | None
    se: float | None


@dataclass(frozen=True, slots=True)
class Edge(Event):
    """How one thing on the board came from, or speaks about, another."""

    kind: ClassVar[str] = "edges"
    relation: EdgeKind
    source: str
    """The later: a finding; for a critique the agent who wrote it."""
    target: str
    """The earlier: a finding."""
    text: str


@dataclass(frozen=True, slots=True)
class Borrowed(Event):
    """A researcher took the method of another's finding into its workspace."""

    kind: ClassVar[str] = "borrowed"
    finding: str
    path: str


@dataclass(frozen=True, slots=True)
class Published(Event):
    """A finding became visible to the other researchers."""

    kind: ClassVar[str] = "publications"
    finding: str


@dataclass(frozen=True, slots=True)
class ReviewDecision(Event):
    """The reviewer let a full run pass, or did not."""

    kind: ClassVar[str] = "review_decisions"
    code: str
    """Hash of the method's code in `texts`."""
    approved: bool
    comment: str
    cost_hours: float


@dataclass(frozen=True, slots=True)
class PlanItem(Event):
    """Something the base model wrote before the work began: an idea of the pool, or a direction."""

    kind: ClassVar[str] = "plan_items"
    id: str
    text: str
    families: list[str]
    """Method families that a direction points at, as its author says; empty for an idea."""


@dataclass(frozen=True, slots=True)
class WorkAssigned(Event):
    """A researcher was told what to try next."""

    kind: ClassVar[str] = "assignments"
    number: int
    text: str
    idea: str | None
    """The idea of the pool; None if evolution chose."""
    parent: str | None
    """The finding to be changed; None for an idea of the pool, or where nothing is known yet."""
    mutation: str | None
    """tune, insert, remove, replace or cross; None for an idea of the pool."""


@dataclass(frozen=True, slots=True)
class OversightDecision(Event):
    """A person was asked, and decided."""

    kind: ClassVar[str] = "oversight_decisions"
    action: Literal["proceed", "stop", "release"]
    findings: list[str]
    """Released findings."""
    note: str
    """For the team; empty if there was nothing to say."""


@dataclass(frozen=True, slots=True)
class FileWritten(Event):
    """A file of a researcher's workspace got new content."""

    kind: ClassVar[str] = "files"
    path: str
    text: str
    """Hash in `texts`."""


@dataclass(frozen=True, slots=True)
class NotebookEntry(Event):
    """A researcher wrote into its own notebook."""

    kind: ClassVar[str] = "notebook"
    text: str


@dataclass(frozen=True, slots=True)
class Nomination(Event):
    """A researcher put one of its results forward for the final; its last nomination stands."""

    kind: ClassVar[str] = "nominations"
    finding: str


@dataclass(frozen=True, slots=True)
class RoundStarted(Event):
    """A slice of research time began for everybody."""

    kind: ClassVar[str] = "rounds"
    end_hours: float
    """Research hours of each researcher at which the slice ends."""


@dataclass(frozen=True, slots=True)
class RunClosed(Event):
    """The run came to its end and was scored."""

    kind: ClassVar[str] = "run_results"
    best: str | None
    """Id of the winning finding, None if no result could be scored."""
    baseline: str | None
    """`baseline:NAME` of the best baseline, on the same worlds."""
    cost_hours: float
    """Research hours of scoring the finalists again."""
    leader_at_quarter: str | None = None
    """The finding that led by development score when a quarter of the budget was used; None if there was none."""
    leader_at_half: str | None = None
    """The same when half of it was used."""


def decode_event(kind: str, data: str) -> Event:
    """Return the event of a row of the log, given its kind and its JSON. Raises SchemaError if it is none."""
    try:
        return EVENT_CLASS_BY_KIND[kind](**json.loads(data))
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(
            f"an event of the log cannot be read (kind {kind!r}: {type(error).__name__} {error})"
        ) from None
