"""The evaluator: the only component that has labels. It draws worlds, runs methods in the sandbox and scores them.

Each name is imported on first use, so that code that only reads runs does not load the numerical libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aarlab.tools.evaluator.method_comparison import MethodComparison, NoWorldsError, compare_methods
    from aarlab.tools.evaluator.results import EvaluationResult, EvaluatorProtocol, Measurement
    from aarlab.tools.evaluator.run_evaluator import Evaluator

__all__ = [
    "EvaluationResult",
    "Evaluator",
    "EvaluatorProtocol",
    "Measurement",
    "MethodComparison",
    "NoWorldsError",
    "compare_methods",
]

_MODULES = {
    "EvaluationResult": "results",
    "Evaluator": "run_evaluator",
    "EvaluatorProtocol": "results",
    "Measurement": "results",
    "MethodComparison": "method_comparison",
    "NoWorldsError": "method_comparison",
    "compare_methods": "method_comparison",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
