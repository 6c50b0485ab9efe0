"""The audit of a run: the recorded facts of its best methods, and new measurements on fresh worlds."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.audit.auditor_model import AuditorModel
from aarlab.audit.component_values import ComponentAudit, audit_components
from aarlab.audit.method_record import MethodRecord, record_of, recorded_scores, rules_description, top_findings
from aarlab.audit.predictability import Predictability, measure_predictability, predict_by_rules
from aarlab.graph.run.execute import make_evaluator
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.graph.run.segments import segments_of
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import TaskChoice
from aarlab.memory.audit_signatures import signatures
from aarlab.memory.board import Board
from aarlab.memory.events import AuditSigned, Evaluation, Panel
from aarlab.memory.measures import WorldDifference, difference_by_world, difference_of_means
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task import Progress
from aarlab.scenarios.task_registry import score_name_of
from aarlab.tools.evaluator.results import EvaluationResult
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.experiment_tool import evaluation_event
from aarlab.tools.sandbox import SandboxMode, shared_sandbox

CHECKLIST = (
    "I read the code of these methods and what changed at each borrowing.",
    "I understand why the components that earn the score could work.",
    "The methods use the teacher, and no label reached them.",
    "The scores elsewhere agree with development, as far as their intervals say.",
    "I read what reviewers and monitors said, and it does not change the result.",
    "The number of attempts before each method does not explain its score.",
    "The lineage credits those whose ideas are used.",
)
"""What a person confirms with a signature."""
_CHUNK = 8
"""Variants that are scored together; progress is reported between them."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a method after development."""

    place: str
    """`held-out`, `shifted`, or the name of another task."""
    how: str
    """`fixed`, `retuned` or `replicated`."""
    pgr: float | None
    """None: the method failed."""
    se: float | None
    worlds: int
    drop: WorldDifference | None
    """Development PGR minus this one."""
    over_published: WorldDifference | None
    """This PGR minus that of the best published method on the same worlds; None if that was not scored there."""


@dataclass(frozen=True, slots=True)
class MethodAudit:
    """The audit of one method."""

    record: MethodRecord
    description: tuple[str, ...]
    described_by: str
    """`rules`, or the name of a base model."""
    scores: tuple[Score, ...]
    components: ComponentAudit | None
    """None: nothing was measured, or the method has no component."""
    shifted_components: ComponentAudit | None
    """The same on shifted worlds; None: not measured, or the run did not score the method there."""
    predictability: Predictability | None


@dataclass(frozen=True, slots=True)
class RunAudit:
    """The audit of a run."""

    run_id: str
    path: Path
    task: str
    model: str
    """Base model of the researchers."""
    score_name: str
    digest: str
    worlds: int
    """Fresh worlds on which components were measured; 0: none."""
    methods: tuple[MethodAudit, ...]
    signatures: tuple[tuple[str, AuditSigned], ...]
    """Time and signature, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """Return the audit without its signatures as JSON values."""
        fields: dict[str, Any] = asdict(self)
        del fields["signatures"]
        for method in fields["methods"]:
            del method["record"]["graph"]
        return {**fields, "path": str(self.path)}

    def report_hash(self) -> str:
        """Return a hash of the audit, which a signature records."""
        return content_hash(str(canonical_json({**self.to_json(), "path": self.path.name})))


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Options of an audit."""

    top: int = 3
    worlds: int = 32
    """Fresh worlds, and at most as many shifted ones; 0: measure nothing."""
    pairs: int = 0
    """Pairs of variants for predictability; 0: none."""
    sandbox: SandboxMode = "strict"
    model: AuditorModel | None = None
    """Describes and predicts; None: rules do."""


def audit_run(path: Path, options: AuditOptions, progress: Progress) -> RunAudit:
    """Audit the best methods of a closed run. The run file is not changed.

    Raises:
        FileNotFoundError, SchemaError: The file cannot be read.
        LaboratorySecretError: The worlds need the secret of the laboratory in which the run was started.
        SandboxUnavailable: This machine does not support the sandbox mode.
        ModelError: The base model does not reply.
    """
    with RunReader.open(path) as file, file.hold_events():
        scenario = segments_of(file, models_needed=False)[-1].scenario
        run, board = MeasuredRun(file), Board(file)
        progress("reading the record", 0.0)
        records = [record_of(run, board, post) for post in top_findings(run, board, options.top)]
        methods = asyncio.run(_audit_methods(run, scenario, records, options, progress))
        info = file.info()
        return RunAudit(
            run_id=info.run_id,
            path=path,
            task=scenario.task.name,
            model=scenario.team.model,
            score_name=score_name_of(info.scenario["task"]),
            digest=file.digest(),
            worlds=options.worlds,
            methods=tuple(methods),
            signatures=tuple((entry.at, entry.event) for entry in signatures(file)),
        )


async def _audit_methods(
    run: MeasuredRun, scenario: Scenario, records: Sequence[MethodRecord], options: AuditOptions, progress: Progress
) -> list[MethodAudit]:
    recorded = {record.finding: recorded_scores(run, record.finding) for record in records}
    if not options.worlds:
        return [
            await _audit_method(run, scenario, record, recorded[record.finding], None, {}, options, progress)
            for record in records
        ]
    panels = {record.finding: _panels(scenario, recorded[record.finding], options.worlds) for record in records}
    task = scenario.task.make()
    task.prepare(progress)
    with make_evaluator(scenario, task, shared_sandbox(options.sandbox), {"cache": True}) as evaluator:
        await _score_elsewhere(scenario, records, recorded, evaluator, progress)
        return [
            await _audit_method(
                run, scenario, record, recorded[record.finding], evaluator, panels[record.finding], options, progress
            )
            for record in records
        ]


Scores = dict[tuple[str, str, str | None], Evaluation]
Panels = Mapping[Panel, int]
"""Numbers of worlds by panel."""


def _panels(scenario: Scenario, recorded: Scores, worlds: int) -> Panels:
    """Return the panels on which the components of a method are measured.

    Shifted worlds are those of the close, so the values add up to the score that the run has. Nothing was selected on
    them. They are left out for methods that the run did not score there, so that most audits take little longer.
    """
    if scenario.task.single_world:
        return {}
    shifted = ("fixed", "shifted", None) in recorded
    return {"audit": worlds, **({"shifted": min(worlds, scenario.scoring.shifted_worlds)} if shifted else {})}


async def _score_elsewhere(
    scenario: Scenario,
    records: Sequence[MethodRecord],
    recorded: Mapping[str, Scores],
    evaluator: Evaluator,
    progress: Progress,
) -> None:
    """Score each method on the panels of the close on which the run did not score it."""
    places = list(_places(scenario))
    for number, (panel, worlds, choice) in enumerate(places):
        progress("scoring the methods elsewhere", number / len(places))
        task_name = None if choice is None else choice.name
        missing = {
            record.finding: record.code
            for record in records
            if ("fixed", panel, task_name) not in recorded[record.finding]
        }
        if not missing:
            continue
        if choice is not None:
            await asyncio.to_thread(choice.make().prepare, progress)
        for finding, result in (await evaluator.score_on_panel(missing, panel, worlds, task=choice)).items():
            event = evaluation_event(finding, panel, "", result, task_name)
            recorded[finding]["fixed", panel, task_name] = event


def _places(scenario: Scenario) -> Iterator[tuple[Panel, int, TaskChoice | None]]:
    scoring, single = scenario.scoring, scenario.task.single_world
    yield "heldout", 1 if single else scoring.heldout_worlds, None
    if scoring.shifted_worlds and not single:
        yield "shifted", scoring.shifted_worlds, None
    for choice in scenario.transfer_tasks:
        yield "transfer", scoring.transfer_worlds, choice


async def _audit_method(
    run: MeasuredRun,
    scenario: Scenario,
    record: MethodRecord,
    scores: Scores,
    evaluator: Evaluator | None,
    panels: Panels,
    options: AuditOptions,
    progress: Progress,
) -> MethodAudit:
    model, predictability = options.model, None
    parts: dict[Panel, ComponentAudit | None] = {}
    if evaluator is not None:
        for panel, worlds in panels.items():
            activity = f"knocking out components of {record.finding}"
            scorer = _AuditScorer(evaluator, panel, worlds, progress, activity)
            parts[panel] = await audit_components(record.code, scorer.score, seed=scenario.seed)
        if panels and options.pairs and record.components:
            activity = f"scoring variants of {record.finding}"
            scorer = _AuditScorer(evaluator, "audit", options.worlds, progress, activity)
            space, text = SearchSpace(scenario.task.catalogue()), f"{record.title}\n{record.body}"
            predict = model.predictor(text, record.code) if model else predict_by_rules(text, record.code, space)
            predictability = await measure_predictability(
                record.code, options.pairs, scorer.score, predict, seed=scenario.seed, finding=record.finding
            )
    description = [await model.describe(record.code)] if model else rules_description(record)
    return MethodAudit(
        record,
        tuple(description),
        model.name if model else "rules",
        tuple(_scores(run, scenario, record, scores)),
        parts.get("audit"),
        parts.get("shifted"),
        predictability,
    )


@dataclass(frozen=True, slots=True)
class _AuditScorer:
    """Scores variants of a method on the worlds of a panel."""

    evaluator: Evaluator
    panel: Panel
    worlds: int
    progress: Progress
    activity: str

    async def score(self, codes: Mapping[str, str]) -> Mapping[str, Sequence[float] | None]:
        """Return the PGR of each variant on each world; None for one that failed."""
        results: dict[str, EvaluationResult] = {}
        names = list(codes)
        for start in range(0, len(names), _CHUNK):
            self.progress(self.activity, start / len(names))
            chunk = {name: codes[name] for name in names[start : start + _CHUNK]}
            results |= await self.evaluator.score_on_panel(chunk, self.panel, self.worlds)
        return {
            name: None if result.measurement is None else result.measurement.pgr_by_world
            for name, result in results.items()
        }


def _scores(run: MeasuredRun, scenario: Scenario, record: MethodRecord, scores: Scores) -> Iterator[Score]:
    """Yield the scores of a method elsewhere, with the drop from development and the difference from the baseline."""
    order: dict[tuple[str, str | None], int] = {
        (panel, None if task is None else task.name): i for i, (panel, _, task) in enumerate(_places(scenario))
    }
    baseline = run.references.get("published")
    others = {(e.panel, e.task): e for e in run.evaluations if baseline is not None and e.subject == baseline.method}
    for (how, panel, task), event in sorted(scores.items(), key=lambda item: (order.get(item[0][1:], 99), item[0][0])):
        other = others.get((event.panel, task))
        over = None if other is None else difference_by_world(event.pgr_by_world, other.pgr_by_world)
        place = task or {"heldout": "held-out"}.get(panel, panel)
        drop = _drop(record, event, scenario.scoring.full_worlds)
        yield Score(place, how, event.pgr, event.se, event.worlds, drop, over)


def _drop(record: MethodRecord, event: Evaluation, worlds: int) -> WorldDifference | None:
    pgr, se = record.development_pgr, record.development_se
    if pgr is None or se is None or event.pgr is None or event.se is None or event.worlds < 2:
        return None
    return difference_of_means(pgr, se, worlds, event.pgr, event.se, event.worlds)
