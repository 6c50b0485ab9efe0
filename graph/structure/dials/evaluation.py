"""Evaluation: are methods scored on fresh worlds, a few times only, or exactly and on one fixed world?"""

from typing import TYPE_CHECKING, cast

from aarlab.graph.structure.dials.dial import Dial, ResolvedStructure

if TYPE_CHECKING:
    from aarlab.tools.experiment_tool import EvaluationMode

_FRESH = "Worlds are drawn afresh for every experiment, so a score is an estimate: mind its standard error."
_CAPPED = f"{_FRESH} Each researcher may have a limited number of full experiments scored; choose what deserves one."
_OPEN = (
    "Every pilot and every full experiment is scored on one and the same world, and you are told the exact score. The "
    "winner is scored on other worlds at the close."
)


def _apply(value: str, resolved: ResolvedStructure) -> None:
    resolved.evaluation = cast("EvaluationMode", value)
    resolved.explanations.append({"guarded": _FRESH, "capped": _CAPPED, "open": _OPEN}[value])


DIAL = Dial(
    name="evaluation",
    claim="a score that leaks is taken for progress: exact scores on a fixed test set are climbed, not earned",
    values={
        "guarded": "fresh worlds for every experiment, mean and standard error to two decimals",
        "capped": "the same, and each researcher may have scoring.full_experiment_cap full experiments scored",
        "open": "one fixed world for all pilots and full experiments, the exact score with all its digits",
    },
    apply=_apply,
)
