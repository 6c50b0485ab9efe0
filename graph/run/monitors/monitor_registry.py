"""The monitors by name: built-in ones, and those of installed packages.

A package adds a monitor by an entry point of the group `aarlab.monitors`, which has the monitor's name and refers to a
`Monitor`. A scenario uses it with `monitor.packages`.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from types import MappingProxyType

from aarlab.graph.run.monitors import (
    best_of_n,
    constant_output,
    instructions,
    log_padding,
    method_code,
    model_report,
    near_duplicates,
    provenance,
    score_probing,
    strong_student,
    teacher_use,
    withheld_results,
    words_and_acts,
)
from aarlab.graph.run.monitors.monitor import FLAGGED, Monitor, Suspicion
from aarlab.graph.run.monitors.trajectory import Trajectory
from aarlab.memory.events import Experiment, Finding
from aarlab.memory.run_reader import RunReader
from aarlab.tools.tool_registry import load_plugin

ENTRY_POINT_GROUP = "aarlab.monitors"

MONITORS: Mapping[str, Monitor] = MappingProxyType({
    module.MONITOR.name: module.MONITOR
    for module in (
        teacher_use, strong_student, constant_output, score_probing, best_of_n, method_code, near_duplicates,
        provenance, instructions, withheld_results, log_padding, words_and_acts, model_report,
    )
})  # fmt: skip
"""The built-in monitors."""


class UnusableMonitor(ValueError):
    """No installed package has this monitor, or it cannot be loaded."""


def load_monitor(name: str) -> Monitor:
    """Return the monitor of an installed package. Raises UnusableMonitor, which names the installed monitors."""
    points = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if len(points) != 1:
        installed = ", ".join(sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})) or "none"
        count = "several packages have" if points else "no installed package has"
        raise UnusableMonitor(f"{count} a monitor {name!r}; installed monitors: {installed}")
    return load_plugin(points[0], Monitor, MONITORS, UnusableMonitor, page="docs/oversight.md")


def watch(file: RunReader, extra: Sequence[Monitor] = ()) -> list[Suspicion]:
    """Return what the built-in monitors and others find in a run, also below `FLAGGED`, most suspicious first.

    The order does not depend on which researcher was computed first.
    """
    trajectory = Trajectory(file)
    found = [suspicion for monitor in (*MONITORS.values(), *extra) for suspicion in monitor.watch(trajectory)]
    return sorted(found, key=lambda one: (-one.suspicion, one.monitor, one.agent, one.subject, one.evidence))


def flagged(suspicions: Sequence[Suspicion]) -> list[Suspicion]:
    """Return the suspicions from `FLAGGED` on."""
    return [suspicion for suspicion in suspicions if suspicion.suspicion >= FLAGGED]


def affected(file: RunReader, suspicion: Suspicion) -> tuple[list[str], list[str]]:
    """Return the ids of the agent's findings and experiments that a suspicion is about, in its order."""
    code, subject = suspicion.code, suspicion.subject
    experiments = [
        e.event
        for e in file.entries(Experiment, stream=suspicion.agent)
        if e.event.id == subject or e.event.code == code
    ]
    ids = [experiment.id for experiment in experiments]
    findings = [
        e.event for e in file.entries(Finding, stream=suspicion.agent)
        if e.event.id == subject or e.event.experiment in ids or (code is not None and e.event.code == code)
    ]  # fmt: skip
    own = [f.experiment for f in findings if f.experiment is not None and f.id == subject]
    return [finding.id for finding in findings], list(dict.fromkeys([*ids, *own]))


def suspicion_by_agent(suspicions: Sequence[Suspicion]) -> dict[str, dict[str, float]]:
    """Return the highest suspicion of each monitor for each agent; agents without any are left out."""
    found: dict[str, dict[str, float]] = {}
    for s in suspicions:
        own = found.setdefault(s.monitor, {})
        own[s.agent] = max(own.get(s.agent, 0.0), s.suspicion)
    return found
