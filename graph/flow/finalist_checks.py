"""Checks of the finalists at the close: other worlds and tasks, other settings, replication from the text alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aarlab.agents.replicator import parse_method_code, replication_request
from aarlab.graph.calls.call import ask_role
from aarlab.graph.flow.context import REPLICATOR, RunContext
from aarlab.graph.flow.limits import LIMITS, limit_event
from aarlab.graph.flow.panel_scores import score
from aarlab.graph.flow.researcher_setup import catalogue, goal_of
from aarlab.graph.task_choice import TaskChoice
from aarlab.memory.events import Panel
from aarlab.memory.seeds import rng
from aarlab.scenarios.method_variants import retuned

RETUNED, REPLICATED = "retuned:", "replicated:"
"""Evaluations of a finalist with other settings, and of its replication, have this prefix and the finding's id."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A task on which finalists are scored, with the panels of its worlds."""

    task: TaskChoice | None
    """None: the run's own task."""
    panels: Mapping[Panel, int]
    """Number of worlds of each panel."""


async def check_finalists(run: RunContext, finalists: Mapping[str, str], references: Mapping[str, str]) -> float:
    """Score the finalists as `close` in the scenario demands; return the research hours that this costs.

    Args:
        run: The run, whose transfer tasks are prepared.
        finalists: Code by finding.
        references: Code of the reference methods by subject.
    """
    config, full_experiments = run.scenario.close, 0
    if not config.checks_finalists or not finalists:
        return 0.0
    for target in _targets(run):
        for panel, worlds in target.panels.items():
            await score(run, {**finalists, **references}, panel, worlds, round=run.rounds + 1, task=target.task)
    if config.retune and not run.scenario.task.single_world:
        for number, target in enumerate(targets := _targets(run)):
            run.report_progress("trying other settings of the finalists", number / len(targets))
            full_experiments += await _retune(run, finalists, target)
    if config.replicate:
        run.report_progress("replicating the finalists from their texts", 0.9)
        replicated = await _replicate(run, finalists)
        await score(run, replicated, "heldout", run.scenario.scoring.heldout_worlds, round=run.rounds + 1)
        full_experiments += len(replicated)
    return full_experiments * run.scenario.costs.full


def _targets(run: RunContext) -> Sequence[_Target]:
    scoring = run.scenario.scoring
    own: dict[Panel, int] = {"heldout": scoring.heldout_worlds, "shifted": scoring.shifted_worlds}
    others = [_Target(choice, {"transfer": scoring.transfer_worlds}) for choice in run.scenario.transfer_tasks]
    return [_Target(None, own), *others]


async def _retune(run: RunContext, finalists: Mapping[str, str], target: _Target) -> int:
    """Choose the settings of each finalist on the panel `tuning` of a task and score them; return the number tried.

    The method's own settings take part in the choice. Neither the tuning worlds nor their seeds occur in another panel.
    """
    task_name = run.scenario.task.name if target.task is None else target.task.name
    variants: dict[str, dict[str, str]] = {}
    for finding, code in finalists.items():
        tried = [
            retuned(code, rng(run.scenario.seed, "retune", finding, task_name, i))
            for i in range(run.scenario.close.retune)
        ]
        others = {f"{RETUNED}{finding} {i}": new for i, new in enumerate(tried, 1) if new != code}
        if others:
            variants[finding] = {f"{RETUNED}{finding} 0": code, **others}
    codes = {subject: code for own in variants.values() for subject, code in own.items()}
    ranked = await score(run, codes, "tuning", run.scenario.scoring.full_worlds, round=run.rounds + 1, task=target.task)
    best = {finding: max(own, key=lambda subject: ranked.get(subject, -9e9)) for finding, own in variants.items()}
    chosen = {f"{RETUNED}{finding}": codes[subject] for finding, subject in best.items()}
    for panel, worlds in target.panels.items():
        await score(run, chosen, panel, worlds, round=run.rounds + 1, task=target.task)
    return sum(len(own) - 1 for own in variants.values())


async def _replicate(run: RunContext, finalists: Mapping[str, str]) -> dict[str, str]:
    """Ask a fresh agent for the method of each finalist; return the code that it wrote by subject."""
    replicated: dict[str, str] = {}
    task = (catalogue(run.scenario), run.scenario.task.example(), goal_of(run.scenario))
    for finding in finalists:
        post = run.board.post(finding)
        assert post is not None, "a finalist is on the board"
        text = f"{post.finding.title}\n\n{post.finding.body}"
        request, stream = replication_request(text, *task), f"{REPLICATOR} {finding}"
        context = run.call_context(stream, run.rounds + 1)
        try:
            reply = await ask_role(run.models[REPLICATOR], request, "replicator", context)
        except LIMITS as limit:
            run.record(limit_event(run, limit, REPLICATOR), round=run.rounds + 1, stream=stream)
            break
        if (code := parse_method_code(reply.message)) is not None:
            replicated[f"{REPLICATED}{finding}"] = code
    return replicated
