"""The opening: before round 1 the lab posts known methods with their scores on the board."""

from langgraph.runtime import Runtime

from aarlab.graph.flow.context import RunContext
from aarlab.memory.events import LAB, Event, Finding, OpeningPosted, Published
from aarlab.scenarios import baselines
from aarlab.scenarios.baselines import Baseline
from aarlab.tools.evaluator.results import EvaluationResult
from aarlab.tools.experiment_tool import evaluation_event

BASELINE_PREFIX = "baseline:"
"""Evaluations of known methods have this prefix and the name of the method as their subject."""


async def post_opening(state: object, runtime: Runtime[RunContext]) -> None:
    """Score the known methods of the opening and post them on the board, best first; nothing after a fork.

    They are scored on the worlds of the panel `screening`, which all runs share. So every arm and every seed has the
    same opening.
    """
    run = runtime.context
    if run.setup_round > 0:
        return
    methods, worlds = baselines.opening_methods(run.resolved.opening), run.scenario.scoring.screening_worlds
    run.report_progress("scoring the known methods", 0.0)
    codes = {f"{BASELINE_PREFIX}{name}": method.code for name, method in methods.items()}
    results = await run.evaluator.score_on_panel(codes, "screening", worlds)
    ranked = sorted(methods, key=lambda name: _rank(results[f"{BASELINE_PREFIX}{name}"]))
    with run.file.atomic():
        for number, name in enumerate(ranked, start=1):
            subject = f"{BASELINE_PREFIX}{name}"
            key = run.file.store_text(codes[subject])
            finding = _finding(number, methods[name], key, results[subject], worlds)
            _record(run, evaluation_event(subject, "screening", key, results[subject]))
            _record(run, finding)
            _record(run, Published(finding.id))
        _record(run, OpeningPosted(ranked, len(ranked) * run.scenario.costs.full))


def _record(run: RunContext, event: Event) -> None:
    run.record(event, round=0, stream=LAB)


def _rank(result: EvaluationResult) -> float:
    """Return a sort key that orders results from best to worst, and failed methods last."""
    return float("inf") if result.measurement is None else -result.measurement.pgr


def _finding(number: int, method: Baseline, code: str, result: EvaluationResult, worlds: int) -> Finding:
    """Return the post of a known method; its score is rounded like those of experiments."""
    score = result.measurement
    outcome = f"Mean over {worlds} worlds, which are the same for every team." if score else "It failed on this task."
    return Finding(
        id=f"{LAB}.f{number}",
        author=LAB,
        type="result" if score else "error",
        title=method.title,
        body=f"Known method `{method.name}`. {method.about}\n\n{outcome}",
        family=method.family,
        experiment=None,
        code=code,
        fidelity="full",
        pgr=None if score is None else round(score.pgr, 2),
        se=None if score is None or score.se is None else round(score.se, 2),
    )
