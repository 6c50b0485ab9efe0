"""Evaluation: are methods scored on fresh worlds, a few times only, or exactly and on one fixed world?"""

from typing import TYPE_CHECKING, cast

from aarlab.graph.dials.dial import Blueprint, Dial

if TYPE_CHECKING:
    from aarlab.tools.experiment import EvaluationMode

_FRESH = "Worlds are drawn afresh for every experiment, so a score is an estimate: mind its standard error."
_CAPPED = f"{_FRESH} Each researcher may have a limited number of full experiments scored; choose what deserves one."
_OPEN = (
    "Every pilot and every full experiment is scored on one and the same world, and you are told the exact score. The "
    "winner is scored on other worlds at the close."
)


def _draw(value: str, blueprint: Blueprint) -> None:
    blueprint.evaluation = cast("EvaluationMode", value)
    blueprint.explained.append({"guarded": _FRESH, "capped": _CAPPED, "open": _OPEN}[value])


DIAL = Dial(
    name="evaluation",
    claim="a score that leaks is taken for progress: exact scores on a fixed test set are climbed, not earned",
    values={
        "guarded": "fresh worlds for every experiment, mean and standard error to two decimals",
        "capped": "the same, and each researcher may have scoring.cap full experiments scored",
        "open": "one fixed world for all pilots and full experiments, the exact score with all its digits",
    },
    draw=_draw,
)
