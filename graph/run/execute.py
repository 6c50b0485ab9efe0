"""Execution of a run, from a scenario to a closed and scored run file."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from aarlab import __version__
from aarlab.agents.models.base import ModelUnavailable
from aarlab.graph.calls.budget import SharedBudget, SharedBudgetExhausted
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.flow.context import RunContext, Scheduler
from aarlab.graph.flow.limits import limits_reached
from aarlab.graph.flow.people_instructions import RunPaused
from aarlab.graph.flow.team_graph import execute_team
from aarlab.graph.run.build import build_run, rebuild_run
from aarlab.graph.run.segments import Segment
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.disk_full import is_disk_full
from aarlab.memory.events import LogEntry, PersonAction
from aarlab.memory.message_edit import MessageEdit
from aarlab.memory.replaying_log import ReplayingLog
from aarlab.memory.run_file_creation import NewRun
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_writer import RunWriter
from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.task import Progress, Task
from aarlab.tools.evaluator.laboratory_secret import recorded_secret, world_secret
from aarlab.tools.evaluator.results import EvaluatorProtocol
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.evaluator.score_cache import ScoreCache
from aarlab.tools.evaluator.tape_evaluator import TapeEvaluator
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.evaluator.world_workers import shared_workers
from aarlab.tools.sandbox import Sandbox, SandboxMode, shared_sandbox

_STOPPING_ERRORS = (
    KeyboardInterrupt, asyncio.CancelledError, ModelUnavailable, SharedBudgetExhausted, UnusableModel, RunPaused,
)  # fmt: skip
"""Errors after which a run is `stopped` and not `failed`."""


class RunOptions(TypedDict, total=False):
    """Options of an execution. None of them changes the result of a run."""

    listeners: Sequence[Callable[[LogEntry], None]]
    """Called with every event, live or replayed."""
    progress: Progress | None
    """Called during slow steps with the activity and its completed share, in [0, 1]."""
    sandbox: SandboxMode
    """Sandbox mode for methods, see `aarlab.tools.sandbox`; recorded in the run file. Default: strict, also for
    a run that was recorded in another mode."""
    cache: bool
    """Whether to read and write the machine's cache of scores on common panels. Default: True."""
    worlds: WorldCache | None
    """Drawn worlds of earlier runs of this process. Default: None, the run draws its own."""
    threads: int | None
    """Number of worlds that are evaluated in parallel. Default: None, one per core. With one, pipelines of toolkit
    operators are executed without a process of the sandbox."""
    laboratory_secret: str | None
    """The secret of the laboratory, for runs whose scenario needs it. Default: None, that of this user."""
    oversight_policy: dict[str, str]
    """What the run does while nobody answers a question of `human/inbox`, in place of `live.oversight_policy`.
    Default: that of the scenario."""
    shared_budget: SharedBudget | None
    """Budget shared with other runs, which applies in addition to the run's own. Default: None, no shared budget."""
    scheduler: Scheduler
    """What executes the graphs. Default: auto, LangGraph if a base model is live."""


def run_scenario(scenario: Scenario, path: Path, **options: Unpack[RunOptions]) -> dict[str, Any]:
    """Run a scenario and return its summary, which is also stored in the run file.

    A run that a budget limit ends early is closed and scored; its status is `stopped`. Any exception, including
    KeyboardInterrupt, sets the status and leaves a run file that can be resumed.

    Args:
        scenario: The scenario.
        path: The run file to create; its stem is the id of the run.
        **options: Options of the execution.

    Raises:
        FileExistsError: The file exists.
        WaitingForAnswer, RunPaused: The run ended at a question to a person, or a person paused it; it can be resumed.
        SandboxUnavailable: This machine does not support the sandbox mode.
        ModelError: A base model is not available, or the shared budget does not cover a call (SharedBudgetExhausted).
        LaboratorySecretError: The scenario needs the secret of the laboratory, which cannot be read or made.
    """
    require_new_path(path)
    scenario = with_recorded_secret(scenario, options)
    return execute([Segment(scenario, None)], lambda mode: create_run_file(path, scenario, mode), options)


def require_new_path(path: Path) -> None:
    """Raise FileExistsError if the file exists."""
    if path.exists():
        raise FileExistsError(f"{path} already exists; choose another path")


def with_recorded_secret(scenario: Scenario, options: RunOptions) -> Scenario:
    """Return the scenario as a run file records it: with the fingerprint of the laboratory's secret if it needs that.

    Raises:
        LaboratorySecretError: The secret is needed, and is missing, another one, or cannot be made.
    """
    laboratory = options.get("laboratory_secret")
    secret = recorded_secret(scenario.scoring.secret, laboratory)
    world_secret(secret, laboratory)
    scoring = scenario.scoring.model_copy(update={"secret": secret})
    return scenario.model_copy(update={"scoring": scoring})


def require_secrets(segments: Sequence[Segment], options: RunOptions) -> None:
    """Raise LaboratorySecretError if a segment needs the secret of a laboratory that is not at hand."""
    for segment in segments:
        world_secret(segment.scenario.scoring.secret, options.get("laboratory_secret"))


def create_run_file(
    path: Path,
    scenario: Scenario,
    mode: SandboxMode,
    fork_history: Sequence[Segment] = (),
    parent: Path | None = None,
    at: int = 0,
    edit: MessageEdit | None = None,
) -> RunWriter:
    """Create the run file of a new run. For a fork, copy the parent's events before round `at` or up to an edit."""
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
    return ReplayingLog.fork(path, parent, at, edit, **run)


def execute(
    segments: Sequence[Segment], open_file: Callable[[SandboxMode], RunWriter], options: RunOptions
) -> dict[str, Any]:
    """Execute the segments of a run in order, close and score the run, and return its summary."""
    started = time.monotonic()
    mode, progress = options.get("sandbox", "strict"), options.get("progress")
    scenario = segments[-1].scenario
    task = scenario.task.make()
    task.prepare(progress)
    sandbox = shared_sandbox(mode)
    with open_file(mode) as file:
        try:
            for listener in options.get("listeners", ()):
                file.on_event(listener)
            with ExitStack() as stack:
                evaluators = [
                    TapeEvaluator(file, stack.enter_context(make_evaluator(segment.scenario, task, sandbox, options)))
                    for segment in segments
                ]
                asyncio.run(execute_segments(segments, file, evaluators, options))
        except BaseException as error:
            stopped = isinstance(error, _STOPPING_ERRORS) or is_disk_full(error)
            # On a full disk the status stays `running`; the run can be resumed all the same.
            with suppress(sqlite3.OperationalError):
                file.finish("waiting" if isinstance(error, WaitingForAnswer) else "stopped" if stopped else "failed")
            raise
        limits = [*limits_reached(file), *_stops_by_people(file)]
        status: Literal["done", "stopped"] = "stopped" if limits else "done"
        waited_s = sum(entry.event.waited_s for entry in file.entries(PersonAction))
        outcome = {
            "status": status, "limits_reached": limits, "wall_clock_s": round(time.monotonic() - started, 2),
            "waited_for_people_s": round(waited_s, 2),
        }  # fmt: skip
        summary = with_summary_hash({**summarise(file), **outcome})
        file.finish(status, summary)
        return summary


def _stops_by_people(file: RunReader) -> list[str]:
    """Return a sentence for the first stop by a person; none if there was none."""
    stops = (entry.event for entry in file.entries(PersonAction) if entry.event.action == "stop")
    return [f"stopped by {stop.who}: {stop.why}" for stop in stops][:1]


async def execute_segments(
    segments: Sequence[Segment], file: RunWriter, evaluators: Sequence[EvaluatorProtocol], options: RunOptions
) -> None:
    """Execute the segments of a run in order, each with its own evaluator."""
    run: RunContext | None = None
    for segment, evaluator in zip(segments, evaluators, strict=True):
        before = 0 if run is None or run.forked_after is None else run.forked_after
        if run is None:
            run = build_run(segment.scenario, file, evaluator, options.get("progress"), options.get("shared_budget"))
        else:
            run = rebuild_run(run, segment.scenario, evaluator)
        run.scheduler = options.get("scheduler", "auto")
        run.forked_after = segment.last_round
        run.model_pool.oversight_policies = options.get("oversight_policy") or run.model_pool.oversight_policies
        run.model_pool.is_recorded = segment.last_round is not None
        try:
            await execute_team(run, last_round=before)
        finally:
            await run.model_pool.aclose()


def make_evaluator(scenario: Scenario, task: Task, sandbox: Sandbox, options: RunOptions) -> Evaluator:
    """Return a new evaluator for a scenario. The caller closes it."""
    scoring = scenario.scoring
    # Code without a sandbox could tamper with scores, so they are not cached for other runs.
    cached = options.get("cache", True) and sandbox.mode != "none"
    return Evaluator(
        task,
        sandbox,
        run_seed=scenario.seed,
        full_worlds=scoring.full_worlds,
        pilot_worlds=scoring.pilot_worlds,
        secret=world_secret(scoring.secret, options.get("laboratory_secret")),
        fixed_world=scenario.structure.resolved().evaluation == "open",
        cache=ScoreCache.open() if cached else None,
        worlds=options.get("worlds"),
        threads=options.get("threads"),
        workers=None if options.get("threads") == 1 else shared_workers,
    )
