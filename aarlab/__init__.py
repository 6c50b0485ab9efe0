"""Measure how much structure a team of automated researchers should be given.

The functions below do the same as the commands with these names:

>>> import aarlab
>>> small = ["team.researchers=2", "budget.hours=4", "budget.round_hours=2"]
>>> small += ["scoring.full_worlds=2", "scoring.final_worlds=2", "scoring.heldout_worlds=2", "scoring.shifted_worlds=2"]
>>> summary = aarlab.run("small", settings=small)
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
>>> scoring = {"full_worlds": 2, "final_worlds": 2, "heldout_worlds": 2, "shifted_worlds": 0, "transfer_worlds": 0}
>>> scenario = {"team": {"researchers": 2}, "budget": {"hours": 4}, "scoring": scoring}
>>> ablation = aarlab.Ablation(name="demo", scenario=scenario, arms=arms, seeds=1, controls=False)
>>> results = aarlab.ablate(ablation, progress=False)
>>> [(record.arm, record.status) for record in results.records]
[('free', 'done'), ('fixed', 'done')]

Each name is imported on first access, so that `import aarlab` is fast.
"""

TYPE_CHECKING = False  # importing typing or pkgutil would take longer than the rest of this module
if TYPE_CHECKING:
    from aarlab.ablation.ablation_plan import Ablation
    from aarlab.api import ablate, afork, areplay, aresume, arun, fork, open_ablation, open_run, replay, resume, run
    from aarlab.config.errors import ConfigError
    from aarlab.graph.scenario import Scenario
    from aarlab.inbox_questions import inbox

    __version__: str

__all__ = [
    "Ablation", "ConfigError", "Scenario", "__version__", "ablate", "afork", "areplay", "aresume", "arun", "fork",
    "inbox", "open_ablation", "open_run", "replay", "resume", "run",
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
    "inbox": "aarlab.inbox_questions:inbox",
    "open_ablation": "aarlab.api:open_ablation",
    "open_run": "aarlab.api:open_run",
    "replay": "aarlab.api:replay",
    "resume": "aarlab.api:resume",
    "run": "aarlab.api:run",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    if name not in _LOCATIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pkgutil import resolve_name

    return resolve_name(_LOCATIONS[name])


def _version() -> str:
    """Return the version of the installed package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("aarlab")
    except PackageNotFoundError:  # pragma: no cover - only in a source tree that was never installed
        return "0+unknown"
