"""The experiment tool: run a method of the workspace on worlds that the evaluator draws.

Only worlds on which the method ran are charged: a full experiment that fails on its first world costs one world.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Literal

from aarlab.memory.events import Decider, Evaluation, Experiment, Fidelity, Panel
from aarlab.memory.messages import Json, canonical_json
from aarlab.tools.evaluator.results import EvaluationResult
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput
from aarlab.tools.workspace_tools import file_text

EvaluationMode = Literal["guarded", "capped", "open"]
"""How experiments are scored: on fresh worlds, on fresh worlds with a maximum number, or exactly on one fixed world."""


class RunExperiment(Arguments):
    """Arguments of run_experiment."""

    path: str
    """Workspace file that defines `method(world)`."""
    fidelity: Fidelity
    """smoke: checks that the method runs, without a score. pilot: cheap, noisy score. full: the score of a result."""


async def _run_experiment(
    session: AgentSession, args: RunExperiment, *, decided_by: Decider | None = None
) -> ToolOutput:
    code = file_text(session, args.path)
    if args.fidelity == "full" and session.full_experiments_left == 0:
        raise ToolError(
            f"you have used your {session.full_experiment_cap} full experiments; pilots and smoke tests are still "
            "allowed"
        )
    name = session.next_id("e")
    key = session.file.store_text(code)
    if all(earlier.code != key for earlier in session.experiments.values()):
        session.record_decision("idea", args.path)
    fidelity = f"{args.fidelity} of {args.path}"
    if not session.repeating:
        session.record_decision("fidelity", fidelity, decided_by=decided_by)
    result = await session.evaluator.run_experiment(code, args.fidelity, name=name)
    if session.repeating and result.error is None:
        session.record_decision("fidelity", fidelity, decided_by=decided_by)
    measurement = result.measurement
    experiment = Experiment(
        id=name,
        path=args.path,
        code=key,
        fidelity=args.fidelity,
        error=result.error,
        pgr=measurement.pgr if measurement else None,
        se=measurement.se if measurement else None,
        # The order of keys is that of the tape, so that prompts built from this event are the same in a replay.
        log=json.loads(canonical_json(result.log)),
        work=result.completed_share,
        device=result.device,
        seconds=result.seconds,
    )
    # The score is known when the experiment ends; the tool call is charged after this function.
    cost = _hours(session, args.fidelity, result)
    with session.file.atomic():
        if args.fidelity != "smoke":
            session.record(evaluation_event(name, "development", key, result), after=cost)
        session.record(experiment, after=cost)
    session.experiments[name] = experiment
    content = _visible_content(experiment, result)
    if session.full_experiment_cap is not None:
        content["full_experiments_left"] = session.full_experiments_left
    return ToolOutput(content, _summary(experiment, session.score_name), ok=result.error is None, hours=cost)


def _hours(session: AgentSession, fidelity: Fidelity, result: EvaluationResult) -> float:
    """Return the research hours of an experiment: from its seconds on the device, or from the cost table."""
    if session.seconds_per_hour is not None and result.seconds is not None:
        return result.seconds / session.seconds_per_hour
    return session.hours_of(fidelity) * result.completed_share


def evaluation_event(
    subject: str, panel: Panel, code: str, result: EvaluationResult, task: str | None = None
) -> Evaluation:
    """Return the event of a result; `task` is the name of a transfer task, None for the run's own task."""
    m = result.measurement
    if m is None:
        return Evaluation(subject, panel, code, 0, None, None, None, None, None, task=task)
    accuracies = (m.transfer_acc, m.weak_acc, m.strong_acc)
    return Evaluation(subject, panel, code, m.worlds, m.pgr, m.se, *accuracies, m.shuffled_pgr, task, m.pgr_by_world)


def _visible_content(experiment: Experiment, result: EvaluationResult) -> dict[str, Json]:
    """Return the content of the tool result that the researcher gets."""
    content: dict[str, Json] = {"experiment": experiment.id, "path": experiment.path, "fidelity": experiment.fidelity}
    if result.error is not None:
        return {**content, "error": result.error, "log": result.log}
    if result.measurement is not None:
        content |= {"pgr": result.measurement.pgr, "se": result.measurement.se, "worlds": result.measurement.worlds}
    return {**content, "log": result.log}


def _summary(experiment: Experiment, score_name: str) -> str:
    if experiment.error is not None:
        return f"{experiment.fidelity} of {experiment.path} failed: {experiment.error}"
    if experiment.pgr is None:
        return f"{experiment.fidelity} of {experiment.path} ran"
    se = "" if experiment.se is None else f" ± {experiment.se:.2f}"
    return f"{experiment.fidelity} of {experiment.path}: {score_name} {experiment.pgr:.2f}{se}"


_LOG_DESCRIPTION = (
    "It also returns a training log: number of items kept, agreement of the targets with the teacher, their entropy "
    "and balance, violated relations, warnings."
)
_SINGLE_WORLD_DESCRIPTION = (
    "Run a method on the world of this run, which scores all experiments. A pilot and a full experiment return the "
    "same exact score (`pgr`). Only a full experiment joins the leaderboard and can be submitted."
)
EXPERIMENT_TOOL = Tool(
    "run_experiment",
    "Run a method on fresh worlds: a pilot on few small worlds, which is noisy, a full experiment on several full-size "
    "worlds. It returns the PGR and, for a full experiment, the standard error over worlds. "
    f"{_LOG_DESCRIPTION}",
    RunExperiment,
    lambda arguments: arguments.fidelity,
    _run_experiment,
)


def with_decider(tool: Tool, decider: Decider) -> Tool:
    """Return the experiment tool with `decider` recorded as decider of the fidelity."""
    return replace(tool, handler=partial(_run_experiment, decided_by=decider))


def experiment_tool(evaluation: EvaluationMode, *, full_experiment_cap: int, single_world: bool = False) -> Tool:
    """Return the tool with the description for an evaluation mode; the cap applies to the mode `capped`.

    With `single_world`, all modes measure on the run's only world, so `open` does not differ from `guarded`.
    """
    base = replace(EXPERIMENT_TOOL, description=_SINGLE_WORLD_DESCRIPTION) if single_world else EXPERIMENT_TOOL
    match evaluation:
        case "open" if single_world:
            return base
        case "guarded":
            return base
        case "capped":
            limit = f"You can have {full_experiment_cap} full experiments scored in the run; failed ones do not count."
            return replace(base, description=f"{base.description} {limit}")
        case "open":
            fixed = (
                "Run a method on the fixed world of this run, which scores all experiments. It returns the exact PGR."
            )
            return replace(EXPERIMENT_TOOL, description=f"{fixed} {_LOG_DESCRIPTION}")
