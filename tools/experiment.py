"""The experiment tool: run a method of the workspace on worlds that the evaluator draws.

It costs what work was done: a full experiment that fails on its first world costs one world.
"""

from dataclasses import replace
from typing import Literal

from aarlab.memory.events import Evaluation, Experiment, Fidelity, Panel
from aarlab.memory.messages import Json
from aarlab.tools.bench import Bench
from aarlab.tools.definition import Answer, Arguments, Tool, ToolError
from aarlab.tools.evaluator import Trial

EvaluationMode = Literal["guarded", "capped", "open"]
"""How experiments are scored: on fresh worlds, on fresh worlds a few times, or exactly on one fixed world."""


class RunExperiment(Arguments):
    """Arguments of run_experiment."""

    path: str
    """Workspace file that defines `method(world)`."""
    fidelity: Fidelity
    """smoke: does it run at all, no score. pilot: a cheap first impression. full: what a result is reported from."""


def code_at(bench: Bench, path: str) -> str:
    """Return the code of a workspace file. Raises ToolError if there is no such file."""
    if path not in bench.files:
        raise ToolError(f"there is no file {path!r} in your workspace; there are: {', '.join(sorted(bench.files))}")
    return bench.files[path]


async def _run_experiment(bench: Bench, args: RunExperiment) -> Answer:
    code = code_at(bench, args.path)
    if args.fidelity == "full" and bench.full_experiments_left == 0:
        raise ToolError(
            f"you have had {bench.cap} full experiments scored, and nobody gets more than that here; pilots and smoke "
            "tests are still open to you"
        )
    name = bench.number("e")
    key = bench.file.store_text(code)
    if key not in bench.tried:
        bench.tried.add(key)
        bench.decided("idea", args.path)
    bench.decided("fidelity", f"{args.fidelity} of {args.path}")
    trial = await bench.evaluator.experiment(code, args.fidelity, name=name)
    measured = trial.measurement
    experiment = Experiment(
        id=name,
        path=args.path,
        code=key,
        fidelity=args.fidelity,
        error=trial.error,
        pgr=measured.pgr if measured else None,
        se=measured.se if measured else None,
        log=trial.log,
        work=trial.work,
    )
    with bench.file.atomic():
        if args.fidelity != "smoke":
            bench.record(ledger_entry(name, "development", key, trial))
        bench.record(experiment)
    told = _told(experiment, trial)
    if bench.cap is not None:
        told["full_experiments_left"] = bench.full_experiments_left
    return Answer(told, _summary(experiment), ok=trial.error is None, work=trial.work)


def ledger_entry(subject: str, panel: Panel, code: str, trial: Trial, task: str | None = None) -> Evaluation:
    """Return the evaluator's record of a trial; `task` if it was on another task than the run's."""
    m = trial.measurement
    if m is None:
        return Evaluation(subject, panel, code, 0, None, None, None, None, None, task=task)
    accuracies = (m.transfer_acc, m.weak_acc, m.strong_acc)
    return Evaluation(subject, panel, code, m.worlds, m.pgr, m.se, *accuracies, m.shuffled_pgr, task)


def _told(experiment: Experiment, trial: Trial) -> dict[str, Json]:
    """Return what the researcher is told of its experiment."""
    told: dict[str, Json] = {"experiment": experiment.id, "path": experiment.path, "fidelity": experiment.fidelity}
    if trial.error is not None:
        return {**told, "error": trial.error, "log": trial.log}
    if trial.measurement is not None:
        told |= {"pgr": trial.measurement.pgr, "se": trial.measurement.se, "worlds": trial.measurement.worlds}
    return {**told, "log": trial.log}


def _summary(experiment: Experiment) -> str:
    if experiment.error is not None:
        return f"{experiment.fidelity} of {experiment.path} failed: {experiment.error}"
    if experiment.pgr is None:
        return f"{experiment.fidelity} of {experiment.path} ran"
    se = "" if experiment.se is None else f" ± {experiment.se:.2f}"
    return f"{experiment.fidelity} of {experiment.path}: PGR {experiment.pgr:.2f}{se}"


def _price(args: RunExperiment) -> str:
    return args.fidelity


_LOG = (
    "You also get a training log: how many items were kept, how far targets agree with the teacher, their entropy and "
    "balance, relations violated, warnings."
)
EXPERIMENT_TOOL = Tool(
    "run_experiment",
    "Run a method on fresh worlds: a pilot on a single small one, which is noisy, a full experiment on several of full "
    f"size. You are told its PGR, and for a full experiment the standard error over worlds. {_LOG}",
    RunExperiment,
    _price,
    _run_experiment,
)


def experiment_tool(evaluation: EvaluationMode, *, cap: int) -> Tool:
    """Return the tool as it is described under a mode of evaluation, with at most `cap` full experiments if capped."""
    match evaluation:
        case "guarded":
            return EXPERIMENT_TOOL
        case "capped":
            limit = f"You may have {cap} full experiments scored in all; those that fail are not counted."
            return replace(EXPERIMENT_TOOL, description=f"{EXPERIMENT_TOOL.description} {limit}")
        case "open":
            where = (
                "Run a method on the one world of this lab, on which everything is scored. You are told its exact PGR."
            )
            return replace(EXPERIMENT_TOOL, description=f"{where} {_LOG}")
