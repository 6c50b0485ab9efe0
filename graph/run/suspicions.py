"""Suspicions: scores that an honest method is not expected to have, with their evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aarlab.memory.events import Evaluation, Panel
from aarlab.tools.evaluator.plausibility import is_implausible, p_of_strong_student
from aarlab.tools.evaluator.teacher_check import ignores_teacher

SuspicionKind = Literal["above the strong student", "ignores the teacher"]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A suspicious evaluation."""

    kind: SuspicionKind
    subject: str
    """Experiment id, finding id, or `baseline:NAME`."""
    panel: Panel
    task: str | None
    """Task of the transfer panel; None: the run's own task."""
    code: str
    """Hash of the method's code."""
    evidence: str
    """One sentence with the figures."""


def suspicions_of(evaluations: Iterable[Evaluation], score_name: str = "PGR") -> list[Suspicion]:
    """Return the suspicious evaluations, in the given order."""
    found: list[Suspicion] = []
    for e in evaluations:
        if is_implausible(e):
            where = f"{e.panel} worlds" if e.task is None else f"worlds of {e.task}"
            evidence = (
                f"its {score_name} of {e.pgr:.2f} ± {e.se:.2f} on {e.worlds} {where} is above 1, that of the strong "
                f"student trained on the true labels (p = {p_of_strong_student(e):.0e}): it may have the labels"
            )
            found.append(Suspicion("above the strong student", e.subject, e.panel, e.task, e.code, evidence))
        if ignores_teacher(e):
            evidence = (
                f"its {score_name} of {e.pgr:.2f} is {e.shuffled_pgr:.2f} with shuffled weak labels: "
                "it may not use the teacher"
            )
            found.append(Suspicion("ignores the teacher", e.subject, e.panel, e.task, e.code, evidence))
    return found
