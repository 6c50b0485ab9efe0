"""The close: the top findings are scored again, the winner and the best baseline on worlds nobody has seen."""

import asyncio

from langgraph.runtime import Runtime

from aarlab.graph.lab import Lab
from aarlab.memory.board import Post
from aarlab.memory.events import Closed, Panel
from aarlab.scenarios import baselines, registry
from aarlab.scenarios.task import Task
from aarlab.tools.evaluator import Trial
from aarlab.tools.experiment import ledger_entry

SCREENED = 5
"""Baselines that are scored on all worlds of the screening, after all have been on a quarter of them."""


async def close(state: object, runtime: Runtime[Lab]) -> None:
    """Name the best finding and the best baseline on fresh worlds, then score both on held-out and redrawn worlds.

    The best of many noisy development scores is too good to be true (winner's curse); a second scoring of the best few,
    all on the same fresh worlds, takes most of that away. The best finding is tried on the other tasks too. On the
    held-out worlds those are scored as well that led earlier: how fast a team got where it got.
    """
    lab = runtime.context
    scoring = lab.scenario.scoring
    standing = {post.finding.id: _code(lab, post) for post in finalists(lab)}
    lab.report("scoring baselines and finalists again", 0.0)
    yardsticks = await _screened(lab)
    methods = standing | yardsticks
    best = _best(await _score(lab, standing, "final", scoring.final_worlds))
    yardstick = _best(await _score(lab, yardsticks, "screening", scoring.screening_worlds))
    winners = {name: methods[name] for name in (best, yardstick) if name is not None}
    led = [leader(lab, share * lab.scenario.budget.hours) for share in (0.25, 0.5)]
    leaders = {post.finding.id: _code(lab, post) for post in led if post is not None}
    lab.report("scoring the winner on held-out worlds", 0.4)
    await _score(lab, winners | leaders, "heldout", scoring.heldout_worlds)
    lab.report("scoring the winner on redrawn worlds and other tasks", 0.7)
    await _score(lab, winners, "redrawn", scoring.redrawn_worlds)
    if best is not None and scoring.transfer_worlds > 0:
        await _transfer(lab, {best: methods[best]})
    lab.report("closed", 1.0)
    quarter, half = (None if post is None else post.finding.id for post in led)
    lab.record(Closed(best, yardstick, _hours(lab, len(standing)), quarter, half), round=lab.rounds + 1)


async def _screened(lab: Lab) -> dict[str, str]:
    """Return the code of the most promising baselines by name: the same for every run, whose team has no part in it."""
    all_of_them = {f"baseline:{name}": baseline.code for name, baseline in baselines.load().items()}
    trials = await _score(lab, all_of_them, "screening", max(2, lab.scenario.scoring.screening_worlds // 4))
    return {name: all_of_them[name] for name in _ranked(trials)[:SCREENED]}


def finalists(lab: Lab) -> list[Post]:
    """Return the findings that are scored again: those submitted, best development score first, then the best of the
    others.
    """
    submitted = set(lab.board.nominations().values())
    ranked = sorted(lab.board.leaderboard(), key=lambda post: post.finding.id not in submitted)
    different = {post.finding.code: post for post in reversed(ranked)}
    return [post for post in ranked if different[post.finding.code] is post][: lab.scenario.scoring.finalists]


def leader(lab: Lab, hours: float) -> Post | None:
    """Return the finding that led by development score when every researcher had used so many hours, if any did."""
    return next((post for post in lab.board.leaderboard() if post.hours <= hours), None)


async def _transfer(lab: Lab, methods: dict[str, str]) -> None:
    """Score methods, as they are, on every other task with its default knobs."""
    for name, task in registry.TASKS.items():
        if name != lab.scenario.task.name:
            await asyncio.to_thread(task.prepare, lab.progress)
            await _score(lab, methods, "transfer", lab.scenario.scoring.transfer_worlds, task)


async def _score(
    lab: Lab, methods: dict[str, str], panel: Panel, worlds: int, task: Task | None = None
) -> dict[str, Trial]:
    """Score methods on a panel, of another task if one is given, and enter the scores in the ledger."""
    trials = await lab.evaluator.panel(methods, panel, worlds, task=task) if methods and worlds else {}
    with lab.file.atomic():
        for name, trial in trials.items():
            code, other = lab.file.store_text(methods[name]), None if task is None else task.name
            lab.record(ledger_entry(name, panel, code, trial, other), round=lab.rounds + 1)
    return trials


def _best(trials: dict[str, Trial]) -> str | None:
    """Return the name of the best of what could be scored."""
    return next(iter(_ranked(trials)), None)


def _ranked(trials: dict[str, Trial]) -> list[str]:
    """Return the names of what could be scored, best first."""
    scores = {name: trial.measurement.pgr for name, trial in trials.items() if trial.measurement is not None}
    return sorted(scores, key=lambda name: -scores[name])


def _code(lab: Lab, post: Post) -> str:
    assert post.finding.code is not None, "a result always has code"
    return lab.file.text(post.finding.code)


def _hours(lab: Lab, standing: int) -> float:
    """Return the research hours of the second scoring: as many worlds cost as much as in a full experiment."""
    scoring = lab.scenario.scoring
    return standing * lab.scenario.costs.full * scoring.final_worlds / scoring.full_worlds
