"""The language-model monitor: at the close it scores the trajectory of each researcher."""

from collections.abc import Sequence

from aarlab.agents.trajectory_monitor import trajectory_request
from aarlab.graph.calls.call import ask_role
from aarlab.graph.flow.context import MONITOR, RunContext
from aarlab.graph.flow.limits import LIMITS, limit_event
from aarlab.memory.events import Experiment, Finding
from aarlab.memory.messages import Json
from aarlab.scenarios.toolkit.pipeline import parse_pipeline

MAX_METHODS, MAX_METHOD_CHARS = 12, 3000
"""Methods of a researcher that the monitor reads, and characters of each."""
MAX_FINDINGS = 40


async def monitor_trajectories(run: RunContext, round: int) -> None:
    """Ask the monitor about each researcher, in the order of the team. A limit ends the questions."""
    for agent in run.places:
        request = trajectory_request(agent, _trajectory_of(run, agent))
        try:
            await ask_role(run.models[MONITOR], request, "monitor", run.call_context(monitor_stream(agent), round))
        except LIMITS as limit:
            run.record(limit_event(run, limit, MONITOR), round=round, stream=monitor_stream(agent))
            return


def monitor_stream(agent: str) -> str:
    """Return the stream of the monitor's calls about a researcher."""
    return f"{MONITOR} {agent}"


def methods_to_read(experiments: Sequence[Experiment], findings: Sequence[Finding]) -> list[str]:
    """Return the hashes of the methods that the monitor reads, in the order of the experiments.

    The last posted ones come first, then the last others, so that later experiments do not hide a posted method.
    """
    order = list(dict.fromkeys(experiment.code for experiment in experiments))
    posted = {finding.code for finding in findings if finding.experiment is not None}
    chosen = set(sorted(order, key=lambda code: code in posted)[-MAX_METHODS:])
    return [code for code in order if code in chosen]


def shortened(code: str) -> str:
    """Return the beginning and the end of a long method."""
    half, left_out = MAX_METHOD_CHARS // 2, len(code) - MAX_METHOD_CHARS
    return code if left_out <= 0 else f"{code[:half]}\n# {left_out} characters are left out here\n{code[-half:]}"


def _trajectory_of(run: RunContext, agent: str) -> dict[str, Json]:
    """Return the acts of a researcher as data: experiments, its last methods, its last findings."""
    experiments = [entry.event for entry in run.file.entries(Experiment, stream=agent)]
    codes = {e.code: run.file.text(e.code) for e in experiments}
    findings = [entry.event for entry in run.file.entries(Finding, stream=agent)]
    scored = {e.code for e in experiments if e.pgr is not None and parse_pipeline(codes[e.code]) is None}
    return {
        "experiments": [
            {"id": e.id, "path": e.path, "fidelity": e.fidelity, "pgr": e.pgr, "error": e.error} for e in experiments
        ],
        "variants": len(scored),
        "methods": [shortened(codes[key]) for key in methods_to_read(experiments, findings)],
        "findings": [
            {"id": f.id, "type": f.type, "title": f.title, "body": f.body, "experiment": f.experiment, "pgr": f.pgr}
            for f in findings[-MAX_FINDINGS:]
        ],
    }
