"""aarlab: how much structure should automated researchers be given?

The same from Python as from the command line:

    from aarlab import Scenario, Ablation, run, resume, replay, fork, ablate, open_run, open_ablation

Each is imported when it is first asked for, so that `import aarlab` costs nothing.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aarlab.ablation.ablation_plan import Ablation
    from aarlab.ablation.records import open_ablation
    from aarlab.api import ablate, fork, open_run, replay, resume, run
    from aarlab.graph.scenario import Scenario

try:
    __version__ = version("aarlab")
except PackageNotFoundError:  # pragma: no cover - only when run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Ablation", "Scenario", "__version__", "ablate", "fork", "open_ablation", "open_run", "replay", "resume", "run",
]  # fmt: skip

_PUBLIC_API = {
    "Ablation": "aarlab.ablation.ablation_plan",
    "Scenario": "aarlab.graph.scenario",
    "ablate": "aarlab.api",
    "fork": "aarlab.api",
    "open_ablation": "aarlab.ablation.records",
    "open_run": "aarlab.api",
    "replay": "aarlab.api",
    "resume": "aarlab.api",
    "run": "aarlab.api",
}


def __getattr__(name: str) -> object:
    if name not in _PUBLIC_API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC_API[name]), name)
