"""Evaluation: methods are scored on fresh worlds, on fresh worlds a limited number of times, or on one fixed world."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure
from aarlab.memory.events import Evaluation, Experiment

if TYPE_CHECKING:
    from aarlab.graph.structure.run_events import RunEvents
    from aarlab.tools.experiment_tool import EvaluationMode

_FRESH = "Each experiment is scored on newly drawn worlds, so a score is an estimate. Consider its standard error."
_CAPPED = f"{_FRESH} Each researcher may have a limited number of full experiments scored; choose them with care."
_OPEN = (
    "All pilots and full experiments are scored on the same world, and you get the exact score. The winner is scored "
    "on other worlds at the close."
)
EXPLANATIONS: Mapping[str, str] = {"guarded": _FRESH, "capped": _CAPPED, "open": _OPEN}
"""Paragraph of the researchers' prompt by value. For a task with a single world they are wrong and left out."""


def _apply(value: str, resolved: ResolvedStructure) -> None:
    resolved.evaluation = cast("EvaluationMode", value)
    resolved.explanations.append(EXPLANATIONS[value])


def _check(events: "RunEvents") -> Iterator[str]:
    value = events.structure["evaluation"]
    if value == "open":
        scored = (e for _, e in events.of(Evaluation) if e.panel == "development" and e.pgr is not None)
        if any(evaluation.worlds != 1 for evaluation in scored):
            yield "an experiment was scored on more than the one fixed world"
    if value == "capped":
        cap = events.scenario["scoring"]["full_experiment_cap"]
        counts: dict[str, int] = defaultdict(int)
        for name, experiment in events.of(Experiment):
            counts[name] += experiment.fidelity == "full" and experiment.pgr is not None
        yield from (f"{name} had {count} full experiments scored" for name, count in counts.items() if count > cap)


DIAL = Dial(
    name="evaluation",
    claim="exact scores on a fixed test set are overfitted: the leaked score rises and the held-out score does not",
    values={
        "guarded": "fresh worlds for every experiment; mean and standard error to two decimals",
        "capped": "the same, and each researcher may have scoring.full_experiment_cap full experiments scored",
        "open": "one fixed world for all pilots and full experiments; the exact score",
    },
    apply=_apply,
    check=_check,
)
