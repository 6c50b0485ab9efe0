"""The kinds of events of a run, one frozen dataclass each. The run file's SQL views are made from their fields.

Import `Event`, `LogEntry` and `EVENT_CLASS_BY_KIND` from here, so that all kinds are registered.

A *stream* is the sequence of events of one agent, or of the team, numbered from 0. Agents work concurrently within a
round, so nothing may depend on how the events of different streams interleave.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from aarlab.memory.event_base import EVENT_CLASS_BY_KIND as EVENT_CLASS_BY_KIND
from aarlab.memory.event_base import AgentText, ContentHash, Name
from aarlab.memory.event_base import Event as Event
from aarlab.memory.event_base import LogEntry as LogEntry
from aarlab.memory.messages import Json, Usage
from aarlab.memory.run_file_errors import SchemaError

TEAM = "team"
"""Stream of the events of the whole team: rounds, publications, the close."""
PEOPLE = "people"
"""Stream of the instructions of people that answer no question: posts, messages, a pause, a stop."""
AUDIT = "audit"
"""Stream of the signatures under the audit of a finished run. No digest and no replay covers it."""
LAB = "lab"
"""Stream and author of the opening: the known methods on the board before round 1."""

Role = Literal["researcher", "reviewer", "librarian", "overseer", "lead", "summariser", "monitor", "replicator"]
"""Role in which a base model is called. The summariser is a researcher's model that summarises its own conversation."""
FindingType = Literal["hypothesis", "result", "insight", "error"]
EdgeKind = Literal["borrows", "refines", "critiques", "replicates"]
Fidelity = Literal["smoke", "pilot", "full"]
Decider = Literal["agent", "structure", "lead", "reviewer", "person"]
DecisionKind = Literal["direction", "idea", "parent", "next_step", "fidelity", "share", "publish", "tool_call"]
QuestionKind = Literal["checkpoint", "release", "full_run", "finding", "flag", "tool_call"]
"""What a person is asked: to continue the run, to release findings, to approve a full run, to comment on a finding,
what to do about a flag of a monitor, or to approve a tool call.
"""
CallOutcome = Literal["approved", "modified", "rejected", "stopped"]
"""What the overseer decided about a tool call: it takes effect, with other arguments, not at all, or the run ends."""
Action = Literal["approve", "modify", "reject", "advise", "stop", "post", "message", "pause"]
"""What a person does: the first five answer a question; `stop` and the others also come without one."""
FlagOutcome = Literal["kept", "warned", "withheld", "disqualified"]
"""What a flag of a monitor does: nothing, its author is warned, the findings are not shared, or they are not scored."""
Reference = Literal["published", "library"]
"""The best of the published methods, or the best of all methods that come with aarlab."""
Panel = Literal["development", "screening", "final", "heldout", "shifted", "transfer", "tuning", "audit"]
"""Development worlds of an experiment, and panels of worlds that methods share. `tuning`: for the choice of settings at
the close; `audit`: for `aarlab audit`, after the run.
"""


@dataclass(frozen=True, slots=True)
class AgentSetup(Event):
    """An agent received its system prompt and tools."""

    kind: ClassVar[str] = "agent_setups"
    omitted: ClassVar[Mapping[str, Json]] = MappingProxyType({"senior": None})
    role: Role
    model: Name
    """Base model, `provider/model`."""
    system: ContentHash
    """Hash of the system prompt in `texts`."""
    tools: ContentHash
    """Hash of the tool definitions in `texts`."""
    direction: str | None
    """Assigned direction; None without one."""
    neighbours: list[str] | None = None
    """Authors of the published findings that it sees; None: all researchers, or none if findings are not shared."""
    senior: str | None = None
    """The researcher whose findings are marked and listed first; None: none."""


@dataclass(frozen=True, slots=True)
class Prompted(Event):
    """An agent received a message: the message of a round, or the results of its tool calls."""

    kind: ClassVar[str] = "prompts"
    role: Role
    message: ContentHash
    """Hash in `messages`."""


@dataclass(frozen=True, slots=True)
class MessageEdited(Event):
    """A person edited the message of the event before this one, and forked the run there."""

    kind: ClassVar[str] = "message_edits"
    original: ContentHash
    """Hash in `messages` of the message that the parent of the fork has."""


@dataclass(frozen=True, slots=True)
class ModelCall(Event):
    """A base model answered a request."""

    kind: ClassVar[str] = "model_calls"
    omitted: ClassVar[Mapping[str, Json]] = MappingProxyType({"cache_read_tokens": 0, "cache_written_tokens": 0})
    role: Role
    model: Name
    """Id of the model as served."""
    request: str
    """Hash of the whole conversation and the tools offered."""
    reply: ContentHash
    """Hash in `messages`."""
    stop_reason: Name
    input_tokens: int | None
    """None: the server did not report them."""
    output_tokens: int | None
    """None: the server did not report them."""
    cost_usd: float | None
    """US dollars; None if the price or the number of tokens is unknown."""
    cost_hours: float
    cache_read_tokens: int = 0
    """Input tokens read from the provider's cache."""
    cache_written_tokens: int = 0
    """Input tokens written to the provider's cache."""

    @property
    def usage(self) -> Usage:
        """The tokens."""
        return Usage(self.input_tokens, self.output_tokens, self.cache_read_tokens, self.cache_written_tokens)

    @property
    def known_tokens(self) -> int:
        """Input and output tokens as far as they are known."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


@dataclass(frozen=True, slots=True)
class FailedModelCall(Event):
    """A request to a base model failed and was retried or abandoned. Its known cost counts against the budget."""

    kind: ClassVar[str] = "failed_model_calls"
    role: Role
    model: Name
    """`provider/model`."""
    fault: str
    """Error message."""
    input_tokens: int
    """Tokens of an interrupted stream, as far as it reported them."""
    output_tokens: int
    cost_usd: float | None
    """US dollars; None if the price is unknown."""
    waited_s: float
    """Seconds waited before the next attempt; 0 if there was none."""
    cache_read_tokens: int = 0
    """Input tokens read from the provider's cache."""
    cache_written_tokens: int = 0
    """Input tokens written to the provider's cache."""

    @property
    def known_tokens(self) -> int:
        """Input and output tokens as far as the stream reported them."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Compaction(Event):
    """The beginning of a researcher's conversation was replaced by a summary, because it had become too long.

    The conversation continues as system prompt, summary and the messages that were kept.
    """

    kind: ClassVar[str] = "compactions"
    dropped: int
    """Number of messages removed, from the first on."""
    kept: int
    """Number of messages kept after the summary."""
    tokens: int
    """Tokens of the last answered request and its reply."""
    rejected_request: str | None
    """Hash of the request that the provider rejected as too long; None if `live.compact_at` was reached."""
    summary: ContentHash
    """Hash in `messages` of the message that replaces the removed ones."""
    text: AgentText
    """The summary that the model wrote; empty if it wrote none."""


@dataclass(frozen=True, slots=True)
class LimitReached(Event):
    """A limit of the budget, or of a model's context, ended an agent's work or the run."""

    kind: ClassVar[str] = "limits"
    field: str
    """Field of the scenario, such as `budget.usd`."""
    agent: str
    """Agent whose call exceeded the limit."""
    ends_run: bool
    """Whether the run ends. If not, only this researcher's work ends."""
    message: str
    """Sentence for the user."""


@dataclass(frozen=True, slots=True)
class ToolExecution(Event):
    """A tool call was executed. The messages before and after it have its arguments and its result."""

    kind: ClassVar[str] = "tool_executions"
    tool_call_id: str
    tool: Name
    ok: bool
    summary: str
    """One line for the user."""
    cost_hours: float


@dataclass(frozen=True, slots=True)
class FailedRepeat(Event):
    """An agent repeated a failed call unchanged, with an unchanged workspace, and it failed again. No decision."""

    kind: ClassVar[str] = "failed_repeats"
    tool: Name
    times: int
    """Number of failures of this call so far, at least 2."""
    error: str
    """One line for the user."""


@dataclass(frozen=True, slots=True)
class Decision(Event):
    """A decision was taken. Realised autonomy is the share of decisions taken by agents."""

    kind: ClassVar[str] = "decisions"
    decision: DecisionKind
    choice: str
    taken_by: Decider


@dataclass(frozen=True, slots=True)
class Experiment(Event):
    """A researcher ran a method."""

    kind: ClassVar[str] = "experiments"
    id: str
    path: Name
    """Workspace file of the method."""
    code: ContentHash
    """Hash of the method's code in `texts`."""
    fidelity: Fidelity
    error: str | None
    """Error message; None if the method ran."""
    pgr: float | None
    """Mean over worlds, rounded as the researcher sees it; None after an error and for a smoke test."""
    se: float | None
    """Standard error of the mean over worlds; None for fewer than two worlds."""
    log: list[dict[str, Any]]
    """Training log, averaged over worlds. It has no signals that need labels."""
    work: float = 1.0
    """Share of the planned worlds that the method ran on, in (0, 1]; below 1 if it failed on the first."""
    device: Name | None = field(default=None, compare=False)
    """What trained the strong student, such as `cpu` or the name of a GPU; None: a task without fine-tuning."""
    seconds: float | None = field(default=None, compare=False)
    """Wall-clock seconds of trainings and predictions of the strong student on all worlds of the experiment, without
    waiting for other experiments; None: a task without fine-tuning."""


@dataclass(frozen=True, slots=True)
class Evaluation(Event):
    """The evaluator scored a method against labels, for the agent of the stream.

    Baselines and the close are included, so every use of labels is one of these events.
    """

    kind: ClassVar[str] = "evaluations"
    subject: str
    """Experiment id, finding id, or `baseline:NAME`."""
    panel: Panel
    code: ContentHash
    """Hash of the method's code in `texts`."""
    worlds: int
    """Number of worlds scored; 0 if the method failed."""
    pgr: float | None
    se: float | None
    transfer_acc: float | None
    weak_acc: float | None
    strong_acc: float | None
    shuffled_pgr: float | None = None
    """PGR with shuffled teacher labels, at the lower end of its interval if the first check suspected the method; None
    if it was not measured."""
    task: str | None = None
    """Task of the transfer panel; None: the run's own task."""
    pgr_by_world: list[float] | None = None
    """PGR on each world, in the order of the panel's worlds; None for experiments and after a failure.

    Methods that were scored on the same panel have the same worlds, so their difference can be paired by world.
    """


@dataclass(frozen=True, slots=True)
class Finding(Event):
    """A finding was posted on the board."""

    kind: ClassVar[str] = "findings"
    id: str
    author: Name
    type: FindingType
    title: AgentText
    body: AgentText
    family: Name
    """Method family, as declared by the author."""
    experiment: str | None
    """Id of the experiment that it reports."""
    code: ContentHash | None
    """Hash of that experiment's method in `texts`, or of a method that is handed off and has not been run."""
    fidelity: Fidelity | None
    pgr: float | None
    se: float | None

    @property
    def is_handoff(self) -> bool:
        """Whether it hands off a method that has not been run."""
        return self.code is not None and self.experiment is None and self.author != LAB


@dataclass(frozen=True, slots=True)
class Edge(Event):
    """A finding builds on another one, or an agent criticised a finding."""

    kind: ClassVar[str] = "edges"
    relation: EdgeKind
    source: str
    """Id of the later finding; for a critique, the agent that wrote it."""
    target: str
    """Id of the earlier finding."""
    text: AgentText
    """Text of a critique; else empty."""


@dataclass(frozen=True, slots=True)
class Borrowed(Event):
    """A researcher copied the method of a finding into its workspace."""

    kind: ClassVar[str] = "borrowed"
    finding: str
    path: str


@dataclass(frozen=True, slots=True)
class OpeningPosted(Event):
    """The lab posted known methods on the board before round 1."""

    kind: ClassVar[str] = "openings"
    methods: list[str]
    """Names of the methods, best first; failed ones last."""
    cost_hours: float
    """Research hours of the lab: a full experiment for each method."""


@dataclass(frozen=True, slots=True)
class Published(Event):
    """A finding became visible to the other researchers."""

    kind: ClassVar[str] = "publications"
    finding: str


@dataclass(frozen=True, slots=True)
class ReviewDecision(Event):
    """The reviewer approved or rejected a full experiment."""

    kind: ClassVar[str] = "review_decisions"
    code: ContentHash
    """Hash of the method's code in `texts`."""
    approved: bool
    comment: str
    cost_hours: float


@dataclass(frozen=True, slots=True)
class CallDecision(Event):
    """The overseer decided about a tool call before it took effect."""

    kind: ClassVar[str] = "call_decisions"
    tool_call_id: str
    tool: Name
    outcome: CallOutcome
    arguments: dict[str, Json] | None
    """Arguments that replace those of the call; None: it keeps its own."""
    why: str
    """For the researcher; may be empty."""


@dataclass(frozen=True, slots=True)
class PlanItem(Event):
    """The lead wrote an idea for the pool, or a direction."""

    kind: ClassVar[str] = "plan_items"
    id: str
    text: str
    families: list[str]
    """Method families that a direction covers, as declared by the lead; empty for an idea."""


@dataclass(frozen=True, slots=True)
class WorkAssigned(Event):
    """A researcher was assigned its next piece of work."""

    kind: ClassVar[str] = "assignments"
    number: int
    text: str
    idea: str | None
    """Id of the pool's idea; None for an evolutionary assignment."""
    parent: str | None
    """Id of the finding to change; None for an idea of the pool, or while there is no finding."""
    mutation: str | None
    """tune, insert, remove, replace or cross; None for an idea of the pool."""


@dataclass(frozen=True, slots=True)
class TaskAssigned(Event):
    """The lead assigned a task to a researcher for the round."""

    kind: ClassVar[str] = "task_assignments"
    number: int
    """Number of the researcher's task, from 1."""
    text: str
    findings: list[str]
    """Ids of the findings that the task names, the one to build on first; the researcher sees them from now on."""
    cost_hours: float


@dataclass(frozen=True, slots=True)
class OversightDecision(Event):
    """The overseer decided how the run continues."""

    kind: ClassVar[str] = "oversight_decisions"
    action: Literal["proceed", "stop", "release"]
    findings: list[str]
    """Ids of the released findings."""
    note: str
    """Message to the team; may be empty."""


@dataclass(frozen=True, slots=True)
class QuestionAsked(Event):
    """A person was asked, in the stream of the agent whose work depends on the answer."""

    kind: ClassVar[str] = "questions"
    id: str
    """The stream and a number."""
    about: QuestionKind
    text: str
    """One line for the person."""
    actions: list[str]
    """Actions that answer it."""
    findings: list[str]
    """Ids of the findings that it asks about."""
    call: dict[str, Json] | None = None
    """Name and arguments of the tool call that it asks about, as `tool` and `arguments`; None: it asks about none."""

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values, without the tool call if there is none."""
        fields = Event.to_json(self)
        return {name: value for name, value in fields.items() if value is not None or name != "call"}


@dataclass(frozen=True, slots=True)
class PersonAction(Event):
    """The run took up what a person did, or what a policy did in place of a person."""

    kind: ClassVar[str] = "person_actions"
    action: Action
    question: str | None
    """Id of the question that it answers; None: it answers none."""
    findings: list[str]
    """Ids of the findings to release, if the action is `modify`."""
    agent: str | None
    """Receiver of a message."""
    text: str
    """Text of a post or message, or the arguments of a tool call as JSON if the action is `modify`; else empty."""
    who: str
    why: str
    given: str = field(default="", compare=False)
    """Id of the row in table `instructions`."""
    given_at: str = field(default="", compare=False)
    """Wall-clock time at which the person acted, ISO 8601, UTC."""
    waited_s: float = field(default=0.0, compare=False)
    """Seconds from the question to the answer. They are no research hours."""


@dataclass(frozen=True, slots=True)
class Flagged(Event):
    """A monitor flagged an act during the run, and the response of the structure followed."""

    kind: ClassVar[str] = "flags"
    monitor: str
    agent: str
    subject: str
    """Id of the experiment or finding, or the name of the agent."""
    suspicion: float
    """In [0, 1]."""
    evidence: str
    """One sentence."""
    outcome: FlagOutcome
    findings: list[str]
    """Ids of the agent's findings that it is about."""
    experiments: list[str]
    """Ids of the agent's experiments that it is about."""
    note: str = ""
    """What the overseer said about it; empty if none was asked."""


@dataclass(frozen=True, slots=True)
class FileWritten(Event):
    """A researcher wrote a file of its workspace."""

    kind: ClassVar[str] = "files"
    path: str
    text: ContentHash
    """Hash in `texts`."""


@dataclass(frozen=True, slots=True)
class NotebookEntry(Event):
    """A researcher wrote an entry into its notebook."""

    kind: ClassVar[str] = "notebook"
    text: AgentText


@dataclass(frozen=True, slots=True)
class Nomination(Event):
    """A researcher nominated one of its results for the close. Its last nomination counts."""

    kind: ClassVar[str] = "nominations"
    finding: str


@dataclass(frozen=True, slots=True)
class RoundStarted(Event):
    """A round started: a slice of research time for each researcher."""

    kind: ClassVar[str] = "rounds"
    end_hours: float
    """Research hours of each researcher at which the slice ends."""


@dataclass(frozen=True, slots=True)
class ResearcherReplaced(Event):
    """A researcher left the team. The event is the first in the stream of the new one that took its place."""

    kind: ClassVar[str] = "replacements"
    former: str
    """The researcher that left."""
    place: str
    """The researcher that had this place in the team first."""


@dataclass(frozen=True, slots=True)
class FindingsImported(Event):
    """The findings of this run file come from the files of a study. Nothing else of the run is known."""

    kind: ClassVar[str] = "findings_imports"
    source: str
    """Name of the imported folder."""
    authors: dict[str, str]
    """The study's id of each researcher, by the name that it has in this file."""


@dataclass(frozen=True, slots=True)
class ReferenceChosen(Event):
    """A known method was chosen as a reference for the team, by its score on the panel `screening`."""

    kind: ClassVar[str] = "reference_methods"
    reference: Reference
    method: str | None
    """`baseline:NAME` of the best method; None if no method could be scored."""
    methods: int
    """Number of methods that it was chosen from."""
    cost_hours: float
    """Research hours of finding it: a full experiment for each of these methods. The team is not charged."""


@dataclass(frozen=True, slots=True)
class RunClosed(Event):
    """The run was closed and scored."""

    kind: ClassVar[str] = "run_results"
    best: str | None
    """Id of the winning finding; None if no result could be scored."""
    cost_hours: float
    """Research hours for scoring the finalists again."""
    leader_at_quarter: str | None = None
    """Id of the finding with the best development score at a quarter of the budget; None if there was none."""
    leader_at_half: str | None = None
    """The same at half of the budget."""


@dataclass(frozen=True, slots=True)
class AuditSigned(Event):
    """A person signed the audit of the finished run."""

    kind: ClassVar[str] = "audit_signatures"
    who: str
    findings: list[str]
    """Ids of the findings whose methods were audited, best first."""
    confirmed: list[str]
    """The statements of the checklist that the person confirmed."""
    open: list[str]
    """The statements that the person did not confirm."""
    why: str
    """What the person adds; may be empty."""
    digest: str
    """Digest of the run that was audited."""
    report: str
    """Hash of the audit as JSON."""


def is_in_digest(stream: str, kind: str) -> bool:
    """Return whether digests cover an event. Signatures under an audit are added after the run, and are not covered."""
    return (stream, kind) != (AUDIT, AuditSigned.kind)


def decode_event(kind: str, data: str) -> Event:
    """Return the event of a row of the log, given its kind and JSON. Raises SchemaError if it is not a known event."""
    try:
        return EVENT_CLASS_BY_KIND[kind](**json.loads(data))
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(
            f"an event of the log cannot be read (kind {kind!r}: {type(error).__name__} {error})"
        ) from None
