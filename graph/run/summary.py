"""The summary of a run, computed from its file."""

from dataclasses import asdict
from typing import Any

from aarlab.graph.run.generalisation import generalisation
from aarlab.graph.run.measure_registry import MEASURES
from aarlab.graph.run.measured_run import MeasuredRun
from aarlab.graph.run.monitors.monitor_registry import flagged, suspicion_by_agent
from aarlab.graph.scenario import hostile_members
from aarlab.graph.structure.checks import violations
from aarlab.memory.events import Evaluation, Experiment, FailedRepeat, Finding, Flagged, LogEntry, RoundStarted
from aarlab.memory.lineage import original_in
from aarlab.memory.measures import difference_by_world
from aarlab.memory.messages import canonical_json, content_hash
from aarlab.memory.run_info import settings_hash
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.known_methods import known_method
from aarlab.scenarios.task_registry import score_name_of

STUCK_AFTER = 5
"""Failures of one unchanged call after which an agent is called stuck."""


def summarise(file: RunReader) -> dict[str, Any]:
    """Return the summary of a closed run as JSON: `aarlab run --json` prints it.

    It contains every measure of the registry at its path; `docs/measures.md` defines them. A measure is None if there
    was nothing to measure. `open_to_regeneration` says whether the worlds and labels can be computed from public code.
    `shifted` is None and `transfer` is empty if the scenario omits them. `best.known_method` is
    the name of the known method that the winner replicates, None if it replicates none. `best.replicates` is the
    finding of the team or the lab that it replicates, with its author, who has the credit; None if there is none.
    `generalisation` has the scores of all finalists that `close` in the scenario asks for; empty without them.
    `hostile` has the side task of each researcher that has one: a name, or the words that a live model got.
    `devices` lists what trained strong students, if the task fine-tunes them.
    `stuck` lists agents that repeated one failed call at least STUCK_AFTER times.
    `suspicions` are what the monitors flag, `best.suspicions` the evidence on the winner's method and finding.
    `monitors` has the highest suspicion of each monitor for each agent, in [0, 1]; what is left out is 0.
    `flags` are those to which the run responded (`structure.response`), with their outcome: what is disqualified is
    listed here, and neither on the leaderboard nor in the measures of development.
    `structure_violations` are sentences about differences between the configured structure and the recorded events.
    """
    with file.hold_events():
        return _summarise(file)


def _summarise(file: RunReader) -> dict[str, Any]:
    run, info = MeasuredRun(file), file.info()
    summary: dict[str, Any] = {
        "run_id": info.run_id,
        "file": str(file.path.resolve()),
        "task": info.scenario["task"]["name"],
        "score_name": score_name_of(info.scenario["task"]),
        "structure": info.scenario["structure"],
        "model": info.scenario["team"]["model"],
        "hostile": {**hostile_members(info.scenario["team"]), **info.scenario["team"].get("side_task", {})},
        "seed": info.seed,
        "sandbox": info.sandbox,
        "open_to_regeneration": not info.scenario["scoring"]["secret"],
        "rounds": run.count(RoundStarted),
        "devices": sorted({entry.event.device for entry in file.entries(Experiment) if entry.event.device is not None}),
        "best": _winner(run),
        "heldout": _details(run.heldout),
        "shifted": _details(run.shifted),
        "transfer": {task: _details(evaluation) for task, evaluation in run.transfer.items()},
        "generalisation": generalisation(run),
        "references": {name: _reference(run, name) for name in run.references},
        "autonomy_by_kind": {},
        "suspicions": [asdict(suspicion) for suspicion in flagged(run.suspicions)],
        "monitors": suspicion_by_agent(run.suspicions),
        "flags": _flags(file),
        "stuck": _stuck_agents(file),
        "improvements": [asdict(improvement) for improvement in run.spending.improvements],
    }
    for measure in MEASURES.values():
        for path, value in measure.values(run).items():
            _set_value(summary, path, value)
    summary["heldout_pgr_by_budget"]["whole"] = run.heldout and run.heldout.pgr
    return {
        **summary,
        "entropy_interval": run.entropy and [round(end, 4) for end in run.entropy.interval],
        "structure_violations": violations(file),
        "digest": file.digest(),
        "research_digest": _research_digest(file),
        "settings_hash": settings_hash(info.scenario, info.fork_history),
    }


def _research_digest(file: RunReader) -> str:
    """Return a hash of the experiments and findings of the researchers.

    It is equal for runs in which researchers did the same, even if prompts, reviews or decisions differ.
    """

    def text(entry: LogEntry) -> str:
        return canonical_json([entry.stream, entry.hours, entry.event.digested_json()])

    return content_hash(*(t for kind in (Experiment, Finding) for t in file.values_by_research_hours(kind, text)))


def _set_value(summary: dict[str, Any], path: str, value: float | None) -> None:
    """Store a value at a dotted path. Sections that the run does not have, such as `shifted`, stay None."""
    *sections, key = path.split(".")
    section: dict[str, Any] | None = summary
    for name in sections:
        section = None if section is None else section.setdefault(name, {})
    if section is not None:
        section[key] = value


def _winner(run: MeasuredRun) -> dict[str, Any] | None:
    if run.winner is None or run.final is None:
        return None
    finding = run.winner
    known = None if finding.code is None else known_method(run.file.text(finding.code))
    return {
        "finding": finding.id,
        "title": finding.title,
        "family": finding.family,
        "known_method": known,
        "replicates": _credit(run, finding.id),
        "suspicions": _evidence(run, finding),
        "development_pgr": finding.pgr,
        "pgr": None,
        "se": run.final.se,
    }


def _flags(file: RunReader) -> list[dict[str, Any]]:
    """Return the flags that had an outcome during the run, each once with all its findings, in the order of the log."""
    fields = ("monitor", "agent", "subject", "outcome", "evidence", "findings")
    flags = {(flag.monitor, flag.agent, flag.subject): flag for flag in (e.event for e in file.entries(Flagged))}
    return [{name: getattr(flag, name) for name in fields} for flag in flags.values()]


def _evidence(run: MeasuredRun, finding: Finding) -> list[str]:
    """Return the evidence of what is flagged about a finding or its method."""
    about = [s for s in flagged(run.suspicions) if s.subject == finding.id or (s.code and s.code == finding.code)]
    return list(dict.fromkeys(suspicion.evidence for suspicion in about))


def _stuck_agents(file: RunReader) -> list[dict[str, Any]]:
    """Return the agents that repeated one failed call often, with the call that failed most often."""
    worst: dict[str, FailedRepeat] = {}
    for entry in file.entries(FailedRepeat):
        repeat = entry.event
        if repeat.times >= max(STUCK_AFTER, worst[entry.stream].times + 1 if entry.stream in worst else 0):
            worst[entry.stream] = repeat
    return [{"agent": agent, **asdict(repeat)} for agent, repeat in sorted(worst.items())]


def _credit(run: MeasuredRun, finding: str) -> dict[str, str] | None:
    """Return the finding that the winner replicates and its author; None if the winner is no replication."""
    credited = run.finding(original_in(run.file, finding))
    return None if credited is None or credited.id == finding else {"finding": credited.id, "author": credited.author}


def _reference(run: MeasuredRun, name: str) -> dict[str, Any]:
    """Return the section of a reference method, with the team's difference from it paired by held-out world."""
    chosen, scored = run.references[name], run.reference_scores("heldout").get(name)
    by_world = [None if score is None else score.pgr_by_world for score in (run.heldout, scored)]
    difference = difference_by_world(*by_world)
    return {
        "name": str(chosen.method).removeprefix("baseline:"),
        "methods": chosen.methods,
        "hours": None,
        "pgr": None,
        "se": scored and scored.se,
        "shifted_pgr": None,
        "team_minus_reference": difference and {field: round(value, 6) for field, value in asdict(difference).items()},
    }


def _details(evaluation: Evaluation | None) -> dict[str, float | None] | None:
    return None if evaluation is None else {"pgr": None, "se": evaluation.se, "worlds": evaluation.worlds}
