"""What a report takes from the run files themselves: versions, and what is suspicious in the evaluator's ledger."""

from dataclasses import dataclass

from aarlab.ablation.records import RunRecord
from aarlab.memory.events import Evaluation
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.teacher_check import ignores_teacher


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run file tells beside its summary."""

    version: str
    """Version of aarlab that wrote it."""
    created_at: str
    checked: int
    """Full experiments that were repeated with a shuffled teacher."""
    suspected: int
    """Those that kept their score."""
    winner_suspected: bool
    """Whether the winning method is among them."""


def facts_of(record: RunRecord) -> RunFacts | None:
    """Return what the file of a run tells; None if it cannot be read."""
    try:
        with RunReader.open(record.path) as file:
            info = file.info()
            ledger = [entry.event for entry in file.entries(Evaluation)]
    except (OSError, SchemaError):
        return None
    best = record.summary.get("best") or {}
    winners = {e.code for e in ledger if e.panel == "final" and e.subject == best.get("finding")}
    suspected = [e for e in ledger if ignores_teacher(e)]
    return RunFacts(
        version=info.aarlab_version,
        created_at=info.created_at,
        checked=sum(e.shuffled_pgr is not None for e in ledger),
        suspected=len(suspected),
        winner_suspected=any(e.code in winners for e in suspected),
    )
