"""Data that a report reads from the run files: versions, scores by world, methods that may ignore the teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aarlab.ablation.records import RunRecord
from aarlab.config.run_file_cache import kept_value
from aarlab.memory.events import Evaluation, Finding
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.plausibility import is_implausible
from aarlab.tools.evaluator.teacher_check import ignores_teacher


@dataclass(frozen=True, slots=True)
class Finalist:
    """A finding that was scored again at the close."""

    finding: str
    author: str
    code: str
    """Hash of its method's code."""
    pgr: float
    """PGR on the fresh worlds of the close."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Data from a run file that is not in its summary."""

    version: str
    """Version of aarlab that wrote the file."""
    created_at: str
    checked: int
    """Full experiments that were repeated with a shuffled teacher."""
    suspected: int
    """Number of these experiments with an unchanged score."""
    winner_suspected: bool
    """Whether the winning method is among the suspected ones."""
    winner_implausible: bool
    """Whether a PGR of the winning method is above that of the strong student by more than chance explains."""
    finalists: tuple[Finalist, ...]
    """Best first."""
    heldout_by_world: Mapping[str, Sequence[float]]
    """PGR on each held-out world, by subject: a finding, or `baseline:NAME`."""


def facts_of(record: RunRecord) -> RunFacts | None:
    """Return the facts of a run; None if its file cannot be read."""
    best = (record.summary.get("best") or {}).get("finding")

    def fields() -> dict[str, Any] | None:
        facts = _read_facts(record.path, best)
        return None if facts is None else asdict(facts)

    kept = kept_value(record.path, f"facts {best}", fields)
    if kept is None:
        return None
    return RunFacts(**{**kept, "finalists": tuple(Finalist(**finalist) for finalist in kept["finalists"])})


def _read_facts(path: Path, best: str | None) -> RunFacts | None:
    try:
        with RunReader.open(path) as file:
            info = file.info()
            authors = {entry.event.id: entry.event.author for entry in file.entries(Finding)}
            evaluations = [entry.event for entry in file.entries(Evaluation)]
    except (OSError, SchemaError):
        return None
    winners = {e.code for e in evaluations if e.panel == "final" and e.subject == best}
    suspected = [e for e in evaluations if ignores_teacher(e)]
    finalists = [
        Finalist(e.subject, authors.get(e.subject, ""), e.code, e.pgr)
        for e in evaluations
        if e.panel == "final" and e.pgr is not None
    ]
    return RunFacts(
        version=info.aarlab_version,
        created_at=info.created_at,
        checked=sum(e.shuffled_pgr is not None for e in evaluations),
        suspected=len(suspected),
        winner_suspected=any(e.code in winners for e in suspected),
        winner_implausible=any(e.code in winners and is_implausible(e) for e in evaluations),
        finalists=tuple(sorted(finalists, key=lambda finalist: -finalist.pgr)),
        heldout_by_world={e.subject: e.pgr_by_world for e in evaluations if e.panel == "heldout" and e.pgr_by_world},
    )
