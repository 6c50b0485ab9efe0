"""Data that a report reads from the run files: versions, scores by world, methods that may ignore the teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.memory.events import Evaluation, Finding
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


def facts_of(file: RunReader, best: str | None) -> RunFacts:
    """Return the facts of a run.

    Args:
        file: Its file.
        best: The winning finding; None if there is none.

    Raises:
        SchemaError: The file is damaged.
    """
    info = file.info()
    authors = {entry.event.id: entry.event.author for entry in file.entries(Finding)}
    evaluations = [entry.event for entry in file.entries(Evaluation)]
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


def facts_from_json(fields: Mapping[str, Any]) -> RunFacts:
    """Return the facts of which `fields` are those of `dataclasses.asdict`, after JSON."""
    return RunFacts(**{**fields, "finalists": tuple(Finalist(**finalist) for finalist in fields["finalists"])})
