"""What the recording of a run says about a method: text, code, lineage, attempts, teacher, remarks of others."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from aarlab.graph.flow.finalist_checks import REPLICATED, RETUNED
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.graph.run.method_measures import ideas
from aarlab.graph.run.monitors.monitor import FLAGGED
from aarlab.memory.board import Board, Post
from aarlab.memory.events import (
    LAB,
    Evaluation,
    Experiment,
    Finding,
    LogEntry,
    OversightDecision,
    PersonAction,
    ReviewDecision,
)
from aarlab.memory.lineage import INHERITING_RELATIONS, ancestors, lineage
from aarlab.scenarios.known_methods import known_method, normal_form
from aarlab.scenarios.method_variants import components
from aarlab.scenarios.toolkit.method_analysis import Complexity, complexity
from aarlab.scenarios.toolkit.operators import operator_entry
from aarlab.tools.evaluator.teacher_check import ignores_teacher

MAX_STEPS = 30
"""Steps of a lineage that are listed, the nearest first."""

MIN_SUSPICION = 0.1
"""Lower suspicions are not listed."""


@dataclass(frozen=True, slots=True)
class LineageStep:
    """A finding inherits from an earlier one."""

    finding: str
    relation: str
    """borrows, refines or replicates."""
    target: str
    author: str
    """Author of the target."""
    title: str
    """Title of the target."""
    pgr: float | None
    """Development PGR of the target."""
    diff: str
    """What changed in the code since the target, as a unified diff; empty if nothing did, or one has no code."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The experiments before a method was posted."""

    experiments: int
    """Scored pilots and full experiments of the team."""
    full: int
    """Full experiments among them."""
    recipes: int
    """Different methods among them."""
    own: int
    """Those of the author."""


@dataclass(frozen=True, slots=True)
class TeacherUse:
    """The score of the method with shuffled labels of the teacher."""

    pgr: float
    shuffled: float
    ignores: bool
    """Whether it keeps its score, so that it is suspected to ignore the teacher."""


@dataclass(frozen=True, slots=True)
class MethodRecord:
    """A method of a run, as recorded."""

    finding: str
    author: str
    title: str
    body: str
    family: str
    round: int
    hours: float
    development_pgr: float | None
    development_se: float | None
    code: str
    components: tuple[str, ...]
    known: str | None
    """Name of the known method with this code."""
    complexity: Complexity | None
    novelty: float | None
    """1 - similarity to the nearest earlier finding, in [0, 1]."""
    nearest: str | None
    nearest_diff: str
    """What changed in the code since the nearest earlier finding; empty if that is a step of the lineage."""
    steps: tuple[LineageStep, ...]
    graph: "nx.MultiDiGraph[str]" = field(repr=False, compare=False)
    """The finding and its ancestors, as `lineage` returns them."""
    first: tuple[str, ...]
    """The findings at the beginning of its lineage; itself if it inherits from none."""
    attempts: Attempts
    teacher: TeacherUse | None
    remarks: tuple[str, ...]
    """What reviewers, monitors, other researchers and people said about it."""


def top_findings(file: MeasuredRun, board: Board, top: int) -> list[Post]:
    """Return the best findings with different methods: the rescored ones, then others by development score."""
    final = {e.subject: e.pgr for e in file.evaluations if e.panel == "final" and e.pgr is not None}
    posts = [post for post in board.leaderboard() if post.finding.author != LAB]
    posts.sort(key=lambda post: -final.get(post.finding.id, -9e9))
    different: dict[str, Post] = {}
    for post in posts:
        if post.finding.code is not None:
            different.setdefault(normal_form(file.file.text(post.finding.code)), post)
    return list(different.values())[:top]


def record_of(run: MeasuredRun, board: Board, post: Post) -> MethodRecord:
    """Return what the recording says about a finding with a method."""
    finding = post.finding
    assert finding.code is not None
    code = run.file.text(finding.code)
    novelty = next((idea for idea in ideas(run.file) if idea.finding == finding.id), None)
    graph = lineage(board)
    graph = graph.subgraph([finding.id, *ancestors(graph, finding.id)]).copy()
    steps, first = _lineage(run, board, graph)
    return MethodRecord(
        finding=finding.id,
        author=finding.author,
        title=finding.title,
        body=finding.body,
        family=finding.family,
        round=post.round,
        hours=post.hours,
        development_pgr=finding.pgr,
        development_se=finding.se,
        code=code,
        components=tuple(map(str, components(code))),
        known=known_method(code),
        complexity=complexity(code),
        novelty=None if novelty is None else novelty.novelty,
        nearest=None if novelty is None else novelty.nearest,
        nearest_diff=""
        if novelty is None or novelty.nearest in graph
        else _diff(run, board, novelty.nearest, finding.id),
        steps=tuple(steps[:MAX_STEPS]),
        graph=graph,
        first=first,
        attempts=_attempts(run, post),
        teacher=_teacher(run, finding.code),
        remarks=tuple(_remarks(run, board, finding)),
    )


def rules_description(record: MethodRecord) -> list[str]:
    """Return what a method does in plain words, by the catalogue of the operators that its code uses, in order."""
    if not record.components:
        return ["The code uses no operator of the toolkit that these rules know. Read the code."]
    lines = []
    for text in record.components:
        name, _, settings = text.partition("(")
        entry = operator_entry(name)
        given = settings.removesuffix(")")
        values = f" Settings: {given}." if given else " Settings: the defaults."
        lines.append(f"{name} ({entry['family']}): {entry['about'].rstrip('.')}.{values if entry['settings'] else ''}")
    return lines


def _lineage(
    run: MeasuredRun, board: Board, graph: "nx.MultiDiGraph[str]"
) -> tuple[list[LineageStep], tuple[str, ...]]:
    """Return the steps of a graph of findings, and the findings that inherit from none; the nearest first."""
    steps = [
        _step(run, board, source, relation, target)
        for source, target, relation in graph.edges(keys=True)
        if relation in INHERITING_RELATIONS
    ]
    sources = {step.finding for step in steps}
    return steps, tuple(node for node in graph if node not in sources)


def _step(run: MeasuredRun, board: Board, source: str, relation: str, target: str) -> LineageStep:
    post = board.post(target)
    assert post is not None
    one = post.finding
    return LineageStep(source, relation, target, one.author, one.title, one.pgr, _diff(run, board, target, source))


def _diff(run: MeasuredRun, board: Board, earlier: str | None, later: str) -> str:
    """Return what changed in the code from one finding to another as a unified diff; empty if one has no code."""
    posts = [None if finding is None else board.post(finding) for finding in (earlier, later)]
    before, after = (
        "" if post is None or post.finding.code is None else run.file.text(post.finding.code) for post in posts
    )
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(earlier), later, lineterm="", n=2)
    return "\n".join(lines) if before and after else ""


def _attempts(run: MeasuredRun, post: Post) -> Attempts:
    hours = {entry.event.id: (entry.hours, entry.stream) for entry in run.file.entries(Experiment)}
    before = [origin for origin in run.experiment_origins if hours[origin.experiment][0] <= post.hours]
    return Attempts(
        len(before),
        sum(origin.fidelity == "full" for origin in before),
        len({origin.method for origin in before}),
        sum(hours[origin.experiment][1] == post.finding.author for origin in before),
    )


def _teacher(run: MeasuredRun, code: str) -> TeacherUse | None:
    """Return the last check of the teacher that experiments with this code had; None if there was none."""
    checked = [
        TeacherUse(e.pgr, e.shuffled_pgr, bool(ignores_teacher(e)))
        for e in (entry.event for entry in run.file.entries(Evaluation))
        if e.code == code and e.shuffled_pgr is not None and e.pgr is not None
    ]
    return checked[-1] if checked else None


def _remarks(run: MeasuredRun, board: Board, finding: Finding) -> Iterator[str]:
    """Yield what others said, one sentence each."""
    for entry in run.file.entries(ReviewDecision):
        if entry.event.code == finding.code:
            verdict = "approved" if entry.event.approved else "rejected"
            yield f"The reviewer {verdict} its full run: {entry.event.comment}"
    for edge in board.edges(of=finding.id):
        if edge.event.relation == "critiques" and edge.event.target == finding.id:
            yield f"{edge.event.source} criticised it: {edge.event.text}"
    about = [s for s in run.suspicions if s.subject == finding.id or (s.code is not None and s.code == finding.code)]
    for one in about:
        if one.suspicion >= FLAGGED:
            yield f"The monitor {one.monitor!r} flagged it, suspicion {one.suspicion:.2f}: {one.evidence}."
    below = {one.monitor: one.suspicion for one in reversed(about) if MIN_SUSPICION <= one.suspicion < FLAGGED}
    if below:
        names = ", ".join(f"{monitor} {suspicion:.2f}" for monitor, suspicion in below.items())
        yield f"Suspicions below the flag at {FLAGGED:g}: {names}."
    yield from _people(run, finding)


def _people(run: MeasuredRun, finding: Finding) -> Iterator[str]:
    acts: list[LogEntry[OversightDecision | PersonAction]] = list(run.file.entries(OversightDecision, PersonAction))
    for entry in acts:
        match entry.event:
            case OversightDecision(findings=ids, note=note) if finding.id in ids and note:
                yield f"The overseer released it: {note}"
            case PersonAction(findings=ids, who=who, action=action, why=why) if finding.id in ids:
                yield f"{who} answered {action}: {why}"
            case _:
                pass


def recorded_scores(run: MeasuredRun, finding: str) -> dict[tuple[str, str, str | None], Evaluation]:
    """Return the scores of a finding on held-out, shifted and transfer worlds, by how, panel and task."""
    ways = {finding: "fixed", f"{RETUNED}{finding}": "retuned", f"{REPLICATED}{finding}": "replicated"}
    return {
        (ways[e.subject], e.panel, e.task): e
        for e in run.evaluations
        if e.subject in ways and e.panel in ("heldout", "shifted", "transfer")
    }
