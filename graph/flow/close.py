"""The close: score the finalists on fresh worlds, then the winner and the best baseline on held-out worlds."""

import asyncio

from langgraph.runtime import Runtime

from aarlab.graph.flow.context import RunContext
from aarlab.memory.board import Post
from aarlab.memory.events import LAB, Panel, RunClosed
from aarlab.scenarios import baselines
from aarlab.tools.evaluator.results import EvaluationResult, TaskFactory
from aarlab.tools.experiment_tool import evaluation_event

MAX_SCREENED_BASELINES = 5
"""Number of baselines scored on all screening worlds, after all baselines were scored on a quarter of them."""


async def close(state: object, runtime: Runtime[RunContext]) -> None:
    """Choose the best finding and the best baseline on fresh worlds, then score both on held-out and shifted worlds.

    The best of many noisy development scores is biased upwards (winner's curse). Scoring the finalists again on the
    same fresh worlds removes most of this bias. The best finding is also scored on the transfer tasks. The findings
    that led after a quarter and half of the hours are scored on the held-out worlds: they show the team's speed.
    """
    run = runtime.context
    scoring = run.scenario.scoring
    rescored = {post.finding.id: _code(run, post) for post in finalists(run)}
    run.report_progress("scoring baselines and finalists", 0.0)
    screened_baselines = await _screen_baselines(run)
    methods = rescored | screened_baselines
    best = _best(await _score(run, rescored, "final", scoring.final_worlds))
    best_baseline = _best(await _score(run, screened_baselines, "screening", scoring.screening_worlds))
    winners = {name: methods[name] for name in (best, best_baseline) if name is not None}
    leading_posts = [leader(run, share * run.scenario.budget.hours) for share in (0.25, 0.5)]
    leaders = {post.finding.id: _code(run, post) for post in leading_posts if post is not None}
    run.report_progress("scoring the winner on held-out worlds", 0.4)
    await _score(run, winners | leaders, "heldout", scoring.heldout_worlds)
    run.report_progress("scoring the winner on shifted worlds and other tasks", 0.7)
    await _score(run, winners, "shifted", scoring.shifted_worlds)
    if best is not None:
        await _transfer(run, {best: methods[best]})
    run.report_progress("closed", 1.0)
    leader_at_quarter, leader_at_half = (None if post is None else post.finding.id for post in leading_posts)
    run.record(
        RunClosed(best, best_baseline, _hours(run, len(rescored)), leader_at_quarter, leader_at_half),
        round=run.rounds + 1,
    )


async def _screen_baselines(run: RunContext) -> dict[str, str]:
    """Return the code of the baselines with the best scores on few worlds, by name; the same for every run."""
    all_baselines = {f"baseline:{name}": baseline.code for name, baseline in baselines.load().items()}
    results = await _score(run, all_baselines, "screening", max(2, run.scenario.scoring.screening_worlds // 4))
    return {name: all_baselines[name] for name in _ranked(results)[:MAX_SCREENED_BASELINES]}


def finalists(run: RunContext) -> list[Post]:
    """Return the team's findings to score again: first submitted ones, then others, each by development score."""
    submitted = set(run.board.nominations().values())
    ranked = sorted(_team_results(run), key=lambda post: post.finding.id not in submitted)
    by_code = {post.finding.code: post for post in reversed(ranked)}
    return [post for post in ranked if by_code[post.finding.code] is post][: run.scenario.scoring.finalists]


def leader(run: RunContext, hours: float) -> Post | None:
    """Return the team's best finding by development score after some hours per researcher, None if there was none."""
    return next((post for post in _team_results(run) if post.hours <= hours), None)


def _team_results(run: RunContext) -> list[Post]:
    """Return the leaderboard without the lab's posts, which are not discoveries of the team."""
    return [post for post in run.board.leaderboard() if post.finding.author != LAB]


async def _transfer(run: RunContext, methods: dict[str, str]) -> None:
    """Score methods unchanged on the transfer tasks of the scenario."""
    for choice in run.scenario.transfer_tasks:
        if not run.file.is_replay:
            await asyncio.to_thread(choice.make().prepare, run.progress)
        await _score(run, methods, "transfer", run.scenario.scoring.transfer_worlds, choice)


async def _score(
    run: RunContext, methods: dict[str, str], panel: Panel, worlds: int, task: TaskFactory | None = None
) -> dict[str, EvaluationResult]:
    """Score methods on a panel, by default of the run's task, and record the scores."""
    results = await run.evaluator.score_on_panel(methods, panel, worlds, task=task) if methods and worlds else {}
    with run.file.atomic():
        for name, result in results.items():
            code, task_name = run.file.store_text(methods[name]), None if task is None else task.name
            run.record(evaluation_event(name, panel, code, result, task_name), round=run.rounds + 1)
    return results


def _best(results: dict[str, EvaluationResult]) -> str | None:
    """Return the name of the best scored method, None if none was scored."""
    return next(iter(_ranked(results)), None)


def _ranked(results: dict[str, EvaluationResult]) -> list[str]:
    """Return the names of the scored methods, best first."""
    scores = {name: result.measurement.pgr for name, result in results.items() if result.measurement is not None}
    return sorted(scores, key=lambda name: -scores[name])


def _code(run: RunContext, post: Post) -> str:
    assert post.finding.code is not None, "a result always has code"
    return run.file.text(post.finding.code)


def _hours(run: RunContext, n_rescored: int) -> float:
    """Return the research hours of scoring the finalists, with the cost per world of a full experiment."""
    scoring = run.scenario.scoring
    return n_rescored * run.scenario.costs.full * scoring.final_worlds / scoring.full_worlds
