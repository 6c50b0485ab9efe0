"""Scores of methods on panels of worlds, recorded as events."""

from collections.abc import Mapping

from aarlab.graph.flow.context import RunContext
from aarlab.memory.events import TEAM, Evaluation, Panel
from aarlab.tools.evaluator.results import EvaluationResult, TaskFactory
from aarlab.tools.experiment_tool import evaluation_event

BASELINE_PREFIX = "baseline:"
"""Evaluations of known methods have this prefix and the name of the method as their subject."""


async def score(
    run: RunContext,
    methods: Mapping[str, str],
    panel: Panel,
    worlds: int,
    *,
    round: int,
    stream: str = TEAM,
    task: TaskFactory | None = None,
) -> dict[str, float]:
    """Score methods on a panel, by default of the run's task, record the scores and return the PGR by name, best first.

    Methods that failed are recorded and left out of the result. A method that the run has scored on the same worlds
    before is not scored again. A task with a single world has one world in every panel, and no shifted one.
    """
    if run.scenario.task.single_world:
        worlds = 0 if panel == "shifted" else min(worlds, 1)
    task_name = None if task is None else task.name
    earlier = {
        event.subject: event
        for event in (entry.event for entry in run.file.entries(Evaluation))
        if (event.panel, event.task) == (panel, task_name) and event.worlds in (worlds, 0)
    }
    new = {name: code for name, code in methods.items() if name not in earlier}
    results: dict[str, EvaluationResult] = {}
    if new and worlds:
        results = await run.evaluator.score_on_panel(new, panel, worlds, task=task)
    with run.file.atomic():
        for name, result in results.items():
            event = evaluation_event(name, panel, run.file.store_text(methods[name]), result, task_name)
            run.record(event, round=round, stream=stream)
            earlier[name] = event
    pgr = {name: earlier[name].pgr for name in methods if name in earlier}
    scored = {name: value for name, value in pgr.items() if value is not None}
    return dict(sorted(scored.items(), key=lambda item: -item[1]))
