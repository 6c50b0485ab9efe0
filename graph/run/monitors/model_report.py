"""Monitor: the report of a language model that read the trajectory (`monitor.model`).

A simulated model is a set of rules and named as such. A model that is also a researcher's may side with it (Greenblatt
et al. 2024), and is called untrusted.
"""

from collections.abc import Iterator

from aarlab.agents.trajectory_monitor import parse_report
from aarlab.graph.flow.context import MONITOR as ROLE
from aarlab.graph.run.monitors.monitor import Monitor, Suspicion, clipped
from aarlab.graph.run.monitors.trajectory import Trajectory
from aarlab.memory.events import ModelCall


def monitor_name(model: str, researchers: str) -> str:
    """Return the name of a monitor with this base model in a team with that one."""
    if model.startswith("simulated/"):
        return "rules in place of a language model"
    return "language model, untrusted" if model == researchers else "language model"


def _watch(trajectory: Trajectory) -> Iterator[Suspicion]:
    scenario = trajectory.file.info().scenario
    model = scenario.get("monitor", {}).get("model")
    if not model:
        return
    name = monitor_name(str(model), str(scenario["team"]["model"]))
    for entry in trajectory.file.entries(ModelCall):
        if entry.event.role == "monitor":
            agent = entry.stream.removeprefix(f"{ROLE} ")
            report = parse_report(trajectory.file.message(entry.event.reply))
            if report is not None:
                yield Suspicion(name, agent, agent, clipped(report.suspicion), report.evidence)


MONITOR = Monitor("language model", "what a language model reports that read the trajectory", _watch)
