"""One run, from a scenario to a scored and closed run file."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from aarlab import __version__
from aarlab.agents.models.base import ModelUnavailable
from aarlab.graph.calls.budget import SharedBudget, SharedBudgetExhausted
from aarlab.graph.flow.context import RunContext
from aarlab.graph.flow.limits import limits_reached
from aarlab.graph.flow.team_graph import execute_team
from aarlab.graph.run.build import build_run, rebuild_run
from aarlab.graph.run.segments import Segment
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import LogEntry
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_creation import NewRun
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.evaluator.results import EvaluatorProtocol
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.evaluator.score_cache import ScoreCache
from aarlab.tools.evaluator.tape_evaluator import TapeEvaluator
from aarlab.tools.sandbox import Sandbox, SandboxMode


class RunOptions(TypedDict, total=False):
    """What a run works with that changes nothing of it."""

    listeners: Sequence[Callable[[LogEntry], None]]
    """Called with every event as it happens, or happens again."""
    progress: Progress | None
    """Told about slow preparations: what, and the share done in [0, 1]."""
    sandbox: SandboxMode
    """Where methods run, see `aarlab.tools.sandbox`; the file keeps the mode. Left out: strict, or for a run that is
    gone on with as it was."""
    cache: bool
    """Whether to use scores on common panels that have been measured on this machine before, and to keep new ones;
    left out: it is. They are the same either way."""
    threads: int | None
    """Worlds that are evaluated at a time; None or left out: one for each core."""
    shared_budget: SharedBudget | None
    """What is paid from besides the run's own budget, shared with other runs; left out: there is no such thing."""


def run_scenario(scenario: Scenario, path: Path, **options: Unpack[RunOptions]) -> dict[str, Any]:
    """Run a scenario into a new run file and return the summary, which the file keeps too.

    A run that a limit of the budget ends early is closed and scored as any other; its status is `stopped`.

    Args:
        scenario: What to run.
        path: The run file to make; its stem is the run's id.
        means: What it works with.

    Raises:
        FileExistsError: There is such a file already.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        ModelError: A base model cannot be had, and waiting would not help, or has not helped; or the shared_budget has no room
            for a call (PurseEmpty).

    Whatever else ends the run early, KeyboardInterrupt included, passes through; the file then says so and keeps what
    was done, and the run can be resumed.
    """
    require_new_path(path)
    return execute([Segment(scenario, None)], lambda mode: create_run_file(path, scenario, mode), options)


def require_new_path(path: Path) -> None:
    """Raise FileExistsError if there is such a file."""
    if path.exists():
        raise FileExistsError(f"{path} exists already")


def create_run_file(
    path: Path,
    scenario: Scenario,
    mode: SandboxMode,
    fork_history: Sequence[Segment] = (),
    parent: Path | None = None,
    at: int = 0,
) -> RunWriter:
    """Make the file of a run; of one that is forked, with its past legs and with what happened in its parent before."""
    run: NewRun = {
        "run_id": path.stem,
        "version": __version__,
        "seed": scenario.seed,
        "scenario": scenario.model_dump(mode="json"),
        "sandbox": mode,
        "fork_history": [segment.to_json() for segment in fork_history],
    }
    if parent is None:
        return RunWriter.create(path, **run)
    return ReplayingLog.fork(path, parent, at, **run)


def execute(
    segments: Sequence[Segment], open_file: Callable[[SandboxMode], RunWriter], options: RunOptions
) -> dict[str, Any]:
    """Let a run happen, one leg after the other, and close it."""
    began = time.monotonic()
    mode, progress = options.get("sandbox", "strict"), options.get("progress")
    scenario = segments[-1].scenario
    task = scenario.task.make()
    task.prepare(progress)
    with Sandbox(mode) as box, open_file(mode) as file:
        for listener in options.get("listeners", ()):
            file.on_event(listener)
        evaluators = [make_evaluator(segment.scenario, task, box, options) for segment in segments]
        try:
            asyncio.run(execute_segments(segments, file, [TapeEvaluator(file, each) for each in evaluators], options))
        except BaseException as error:
            file.finish(
                "stopped"
                if isinstance(error, KeyboardInterrupt | ModelUnavailable | SharedBudgetExhausted)
                else "failed"
            )
            raise
        finally:
            for evaluator in evaluators:
                evaluator.close()
        limits = limits_reached(file)
        status: Literal["done", "stopped"] = "stopped" if limits else "done"
        ending = {"status": status, "limits_reached": limits, "wall_clock_s": round(time.monotonic() - began, 2)}
        summary = {**summarise(file), **ending}
        file.finish(status, summary)
        return summary


async def execute_segments(
    segments: Sequence[Segment], file: RunWriter, evaluators: Sequence[EvaluatorProtocol], options: RunOptions
) -> None:
    """Let a run happen, one leg after the other, each with its own evaluator."""
    run: RunContext | None = None
    for segment, evaluator in zip(segments, evaluators, strict=True):
        before = 0 if run is None or run.forked_after is None else run.forked_after
        if run is None:
            run = build_run(segment.scenario, file, evaluator, options.get("progress"), options.get("shared_budget"))
        else:
            run = rebuild_run(run, segment.scenario, evaluator)
        run.forked_after = segment.last_round
        try:
            await execute_team(run, last_round=before)
        finally:
            await run.model_pool.aclose()


def make_evaluator(scenario: Scenario, task: Task, sandbox: Sandbox, options: RunOptions) -> Evaluator:
    """Return the evaluator of a leg; whoever asks for it closes it."""
    scoring = scenario.scoring
    # What unconfined code may have had a hand in is not kept for others.
    cached = options.get("cache", True) and sandbox.mode != "none"
    return Evaluator(
        task,
        sandbox,
        run_seed=scenario.seed,
        full_worlds=scoring.full_worlds,
        secret=scoring.secret,
        fixed_world=scenario.structure.resolved().evaluation == "open",
        cache=ScoreCache.open() if cached else None,
        threads=options.get("threads"),
    )
