"""One run, from a scenario to a scored and closed run file."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from aarlab import __version__
from aarlab.agents.models.base import Unavailable
from aarlab.graph.budget import Purse, PurseEmpty
from aarlab.graph.furnish import furnish, refurnish
from aarlab.graph.lab import Lab
from aarlab.graph.legs import Leg
from aarlab.graph.limits import limits_reached
from aarlab.graph.scenario import Scenario
from aarlab.graph.summary import summarise
from aarlab.graph.team import compile_team
from aarlab.memory.events import Entry
from aarlab.memory.runfile import RunFile
from aarlab.scenarios import registry
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.evaluator import Evaluator, Scorer
from aarlab.tools.sandbox import Mode, Sandbox
from aarlab.tools.scorecache import ScoreCache
from aarlab.tools.taped import TapedEvaluator


class Means(TypedDict, total=False):
    """What a run works with that changes nothing of it."""

    listeners: Sequence[Callable[[Entry], None]]
    """Called with every event as it happens, or happens again."""
    progress: Progress | None
    """Told about slow preparations: what, and the share done in [0, 1]."""
    sandbox: Mode
    """Where methods run, see `aarlab.tools.sandbox`; the file keeps the mode. Left out: strict, or for a run that is
    gone on with as it was."""
    cache: bool
    """Whether to use scores on common panels that have been measured on this machine before, and to keep new ones;
    left out: it is. They are the same either way."""
    threads: int | None
    """Worlds that are evaluated at a time; None or left out: one for each core."""
    purse: Purse | None
    """What is paid from besides the run's own budget, shared with other runs; left out: there is no such thing."""


def run_scenario(scenario: Scenario, path: Path, **means: Unpack[Means]) -> dict[str, Any]:
    """Run a scenario into a new run file and return the summary, which the file keeps too.

    A run that a limit of the budget ends early is closed and scored as any other; its status is `stopped`.

    Args:
        scenario: What to run.
        path: The run file to make; its stem is the run's id.
        means: What it works with.

    Raises:
        FileExistsError: There is such a file already.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        ModelError: A base model cannot be had, and waiting would not help, or has not helped; or the purse has no room
            for a call (PurseEmpty).

    Whatever else ends the run early, KeyboardInterrupt included, passes through; the file then says so and keeps what
    was done, and the run can be resumed.
    """
    must_be_new(path)
    return carried_out([Leg(scenario, None)], lambda mode: new_file(path, scenario, mode), means)


def must_be_new(path: Path) -> None:
    """Raise FileExistsError if there is such a file."""
    if path.exists():
        raise FileExistsError(f"{path} exists already")


def new_file(
    path: Path, scenario: Scenario, mode: Mode, past: Sequence[Leg] = (), parent: Path | None = None, at: int = 0
) -> RunFile:
    """Make the file of a run; of one that is forked, with its past legs and with what happened in its parent before."""
    return RunFile.create(
        path,
        run_id=path.stem,
        version=__version__,
        seed=scenario.seed,
        scenario=scenario.model_dump(mode="json"),
        sandbox=mode,
        past=[leg.to_json() for leg in past],
        parent=parent,
        before=at,
    )


def carried_out(legs: Sequence[Leg], open_file: Callable[[Mode], RunFile], means: Means) -> dict[str, Any]:
    """Let a run happen, one leg after the other, and close it."""
    began = time.monotonic()
    mode, progress = means.get("sandbox", "strict"), means.get("progress")
    scenario = legs[-1].scenario
    task = registry.task(scenario.task.name, scenario.task.knobs)
    task.prepare(progress)
    with Sandbox(mode) as box, open_file(mode) as file:
        for listener in means.get("listeners", ()):
            file.on_event(listener)
        evaluators = [evaluator_of(leg.scenario, task, box, means) for leg in legs]
        try:
            asyncio.run(happen(legs, file, [TapedEvaluator(file, each) for each in evaluators], means))
        except BaseException as error:
            file.finish("stopped" if isinstance(error, KeyboardInterrupt | Unavailable | PurseEmpty) else "failed")
            raise
        finally:
            for evaluator in evaluators:
                evaluator.close()
        limits = limits_reached(file)
        status: Literal["done", "stopped"] = "stopped" if limits else "done"
        ending = {"status": status, "limits_reached": limits, "wall_s": round(time.monotonic() - began, 2)}
        summary = {**summarise(file), **ending}
        file.finish(status, summary)
        return summary


async def happen(legs: Sequence[Leg], file: RunFile, evaluators: Sequence[Scorer], means: Means) -> None:
    """Let a run happen, one leg after the other, each with its own evaluator."""
    lab: Lab | None = None
    for leg, evaluator in zip(legs, evaluators, strict=True):
        before = 0 if lab is None or lab.forked_after is None else lab.forked_after
        if lab is None:
            lab = furnish(leg.scenario, file, evaluator, means.get("progress"), means.get("purse"))
        else:
            lab = refurnish(lab, leg.scenario, evaluator)
        lab.forked_after = leg.until
        try:
            await compile_team(leg.scenario.structure).ainvoke(
                {"round": before, "agent": ""}, context=lab, config={"recursion_limit": 10 * lab.rounds + 100}
            )
        finally:
            await lab.payroll.aclose()


def evaluator_of(scenario: Scenario, task: Task, sandbox: Sandbox, means: Means) -> Evaluator:
    """Return the evaluator of a leg; whoever asks for it closes it."""
    scoring = scenario.scoring
    # What unconfined code may have had a hand in is not kept for others.
    cached = means.get("cache", True) and sandbox.mode != "none"
    return Evaluator(
        task,
        sandbox,
        run_seed=scenario.seed,
        full_worlds=scoring.full_worlds,
        secret=scoring.secret,
        open_book=scenario.structure.blueprint().evaluation == "open",
        cache=ScoreCache.open() if cached else None,
        threads=means.get("threads"),
    )
