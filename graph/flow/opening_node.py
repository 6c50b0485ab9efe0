"""The opening: before round 1 the lab posts known methods with their scores on the board."""

from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.panel_scores import BASELINE_PREFIX, score
from aarlab.memory.events import LAB, Evaluation, Event, Finding, OpeningPosted, Published
from aarlab.scenarios import baselines
from aarlab.scenarios.baselines import Baseline


async def post_opening(state: object, run: RunContext) -> None:
    """Score the known methods of the opening and post them on the board, best first; nothing after a fork.

    They are scored on the worlds of the panel `screening`, which all runs share. So every arm and every seed has the
    same opening.
    """
    if run.setup_round > 0:
        return
    task = run.scenario.task
    methods = baselines.opening_methods(
        run.resolved.opening, single_world=task.single_world, fine_tunes=task.fine_tunes
    )
    run.report_progress("scoring the known methods", 0.0)
    codes = {f"{BASELINE_PREFIX}{name}": method.code for name, method in methods.items()}
    scored = await score(run, codes, "screening", run.scenario.scoring.screening_worlds, round=0, stream=LAB)
    evaluations = {entry.event.subject: entry.event for entry in run.file.entries(Evaluation, stream=LAB)}
    # Failed methods are last.
    ranked = [subject.removeprefix(BASELINE_PREFIX) for subject in dict.fromkeys([*scored, *codes])]
    with run.file.atomic():
        for number, name in enumerate(ranked, start=1):
            finding = _finding(number, methods[name], evaluations[f"{BASELINE_PREFIX}{name}"])
            _record(run, finding)
            _record(run, Published(finding.id))
        _record(run, OpeningPosted(ranked, len(ranked) * run.scenario.costs.full))


def _record(run: RunContext, event: Event) -> None:
    run.record(event, round=0, stream=LAB)


def _finding(number: int, method: Baseline, score: Evaluation) -> Finding:
    """Return the post of a known method; its score is rounded like those of experiments."""
    failed = score.pgr is None
    mean = f"Mean over {score.worlds} worlds, which are the same for every team."
    return Finding(
        id=f"{LAB}.f{number}",
        author=LAB,
        type="error" if failed else "result",
        title=method.title,
        body=f"Known method `{method.name}`. {method.about}\n\n{'It failed on this task.' if failed else mean}",
        family=method.family,
        experiment=None,
        code=score.code,
        fidelity="full",
        pgr=None if score.pgr is None else round(score.pgr, 2),
        se=None if score.se is None else round(score.se, 2),
    )
