"""Measure how much structure a team of automated researchers should be given.

The functions below do the same as the commands with these names:

>>> import aarlab
>>> small = ["budget.hours=4", "budget.round_hours=2", "team.researchers=2", "scoring.heldout_worlds=2"]
>>> summary = aarlab.run(settings=small)
>>> summary["rounds"], summary["hours"] > 0
(2, True)

Every run is recorded in one file, which can be read, replayed and forked:

>>> with aarlab.open_run(summary["file"]) as file:
...     print(file.info().status)
done
>>> aarlab.replay(summary["file"]).digest == summary["digest"]
True
>>> fork = aarlab.fork(summary["file"], 2, settings=["structure=staged"])
>>> fork["structure"]["workflow"]
'staged'

An ablation runs several arms with several seeds:

>>> arms = {"free": {"structure": "autonomous"}, "fixed": {"structure": "staged"}}
>>> ablation = aarlab.Ablation(name="demo", scenario="small", arms=arms, seeds=1, controls=False)
>>> results = aarlab.ablate(ablation, progress=False)
>>> [(record.arm, record.status) for record in results.records]
[('free', 'done'), ('fixed', 'done')]

Each name is imported on first access, so that `import aarlab` is fast.
"""

from importlib.metadata import PackageNotFoundError, version
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aarlab.ablation.ablation_plan import Ablation
    from aarlab.ablation.records import open_ablation
    from aarlab.api import ablate, afork, areplay, aresume, arun, fork, open_run, replay, resume, run
    from aarlab.config.errors import ConfigError
    from aarlab.graph.scenario import Scenario

try:
    __version__ = version("aarlab")
except PackageNotFoundError:  # pragma: no cover - only in a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "Ablation", "ConfigError", "Scenario", "__version__", "ablate", "afork", "areplay", "aresume", "arun", "fork",
    "open_ablation", "open_run", "replay", "resume", "run",
]  # fmt: skip

_LOCATIONS = {
    "Ablation": "aarlab.ablation.ablation_plan:Ablation",
    "ConfigError": "aarlab.config.errors:ConfigError",
    "Scenario": "aarlab.graph.scenario:Scenario",
    "ablate": "aarlab.api:ablate",
    "afork": "aarlab.api:afork",
    "areplay": "aarlab.api:areplay",
    "aresume": "aarlab.api:aresume",
    "arun": "aarlab.api:arun",
    "fork": "aarlab.api:fork",
    "open_ablation": "aarlab.ablation.records:open_ablation",
    "open_run": "aarlab.api:open_run",
    "replay": "aarlab.api:replay",
    "resume": "aarlab.api:resume",
    "run": "aarlab.api:run",
}


def __getattr__(name: str) -> object:
    if name not in _LOCATIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return resolve_name(_LOCATIONS[name])
