"""Data that a report reads from the run files: versions, scores by world, methods that may ignore the teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aarlab.ablation.records import RunRecord
from aarlab.memory.events import Evaluation
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.plausibility import is_implausible
from aarlab.tools.evaluator.teacher_check import ignores_teacher


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
    heldout_by_world: Mapping[str, Sequence[float]]
    """PGR on each held-out world, by subject: a finding, or `baseline:NAME`."""


def facts_of(record: RunRecord) -> RunFacts | None:
    """Return the facts of a run; None if its file cannot be read."""
    try:
        with RunReader.open(record.path) as file:
            info = file.info()
            evaluations = [entry.event for entry in file.entries(Evaluation)]
    except (OSError, SchemaError):
        return None
    best = record.summary.get("best") or {}
    winners = {e.code for e in evaluations if e.panel == "final" and e.subject == best.get("finding")}
    suspected = [e for e in evaluations if ignores_teacher(e)]
    return RunFacts(
        version=info.aarlab_version,
        created_at=info.created_at,
        checked=sum(e.shuffled_pgr is not None for e in evaluations),
        suspected=len(suspected),
        winner_suspected=any(e.code in winners for e in suspected),
        winner_implausible=any(e.code in winners and is_implausible(e) for e in evaluations),
        heldout_by_world={e.subject: e.pgr_by_world for e in evaluations if e.panel == "heldout" and e.pgr_by_world},
    )
