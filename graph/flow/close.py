"""The close: score the finalists on fresh worlds, then the winner and the reference methods on held-out worlds."""

import asyncio

from aarlab.graph.flow.context import OVERSEER, RunContext
from aarlab.graph.flow.finalist_checks import check_finalists
from aarlab.graph.flow.limits import within_limits
from aarlab.graph.flow.monitor_node import monitor_trajectories
from aarlab.graph.flow.panel_scores import score
from aarlab.graph.flow.reference_methods import choose_references
from aarlab.graph.flow.response_node import respond
from aarlab.memory.board import Post
from aarlab.memory.events import LAB, RunClosed
from aarlab.scenarios.known_methods import normal_form


async def close(state: object, run: RunContext) -> None:
    """Choose the best finding on fresh worlds; score it and the reference methods on held-out and shifted worlds.

    The best of many noisy development scores is biased upwards (winner's curse). Scoring the finalists again on the
    same fresh worlds removes most of this bias. The best finding is also scored on the transfer tasks. The findings
    that led after a quarter and half of the hours are scored on the held-out worlds: they show the team's speed.
    `close` in the scenario adds checks of all finalists.
    """
    round = run.rounds + 1
    if run.scenario.monitor.model:
        run.report_progress("the monitor reads the trajectories", 0.0)
        await monitor_trajectories(run, round)
    scoring = run.scenario.scoring
    rescored = {post.finding.id: _code(run, post) for post in finalists(run)}
    run.report_progress("scoring known methods and finalists", 0.0)
    references = await choose_references(run)
    ranked = await score(run, rescored, "final", scoring.final_worlds, round=round)
    if run.scenario.structure.response != "record":
        await within_limits(respond, OVERSEER)({"round": round}, run)
    disqualified = {post.finding.id for post in run.board.posts() if post.held_back == "disqualified"}
    best = next((key for key in ranked if key not in disqualified), None)
    winner = {} if best is None else {best: rescored[best]}
    leading_posts = [leader(run, share * run.scenario.budget.hours) for share in (0.25, 0.5)]
    leaders = {post.finding.id: _code(run, post) for post in leading_posts if post is not None}
    run.report_progress("scoring the winner on held-out worlds", 0.4)
    await score(run, winner | references | leaders, "heldout", scoring.heldout_worlds, round=round)
    run.report_progress("scoring the winner on shifted worlds and other tasks", 0.7)
    await score(run, winner | references, "shifted", scoring.shifted_worlds, round=round)
    await _transfer(run, winner)
    checked = {key: rescored[key] for key in ranked if key not in disqualified}
    check_hours = await check_finalists(run, checked, references)
    run.report_progress("closed", 1.0)
    leader_at_quarter, leader_at_half = (None if post is None else post.finding.id for post in leading_posts)
    hours = _hours(run, len(rescored)) + check_hours
    run.record(RunClosed(best, hours, leader_at_quarter, leader_at_half), round=round)


def finalists(run: RunContext) -> list[Post]:
    """Return the team's findings to score again: first submitted ones, then others, each by development score.

    Their methods differ in more than names and formatting: a replication takes no second place.
    """
    submitted = set(run.board.nominations().values())
    distinct: dict[str, Post] = {}
    for post in sorted(_team_results(run), key=lambda post: post.finding.id not in submitted):
        distinct.setdefault(normal_form(_code(run, post)), post)
        if len(distinct) == run.scenario.scoring.finalists:
            break
    return list(distinct.values())


def leader(run: RunContext, hours: float) -> Post | None:
    """Return the team's best finding by development score after some hours per researcher, None if there was none."""
    return next((post for post in _team_results(run) if post.hours <= hours), None)


def _team_results(run: RunContext) -> list[Post]:
    """Return the leaderboard without the lab's posts, which are not discoveries of the team."""
    return [post for post in run.board.leaderboard() if post.finding.author != LAB]


async def _transfer(run: RunContext, methods: dict[str, str]) -> None:
    """Score methods unchanged on the transfer tasks of the scenario."""
    for choice in run.scenario.transfer_tasks if methods else ():
        if not run.file.is_replay:
            await asyncio.to_thread(choice.make().prepare, run.progress)
        worlds = run.scenario.scoring.transfer_worlds
        await score(run, methods, "transfer", worlds, round=run.rounds + 1, task=choice)


def _code(run: RunContext, post: Post) -> str:
    assert post.finding.code is not None, "a result always has code"
    return run.file.text(post.finding.code)


def _hours(run: RunContext, n_rescored: int) -> float:
    """Return the research hours of scoring the finalists, with the cost per world of a full experiment."""
    scoring = run.scenario.scoring
    full_runs = 1.0 if run.scenario.task.single_world else scoring.final_worlds / scoring.full_worlds
    return n_rescored * run.scenario.costs.full * full_runs
