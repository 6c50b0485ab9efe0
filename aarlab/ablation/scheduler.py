"""The work on an ablation: which run is next, what becomes of those that fail, and when it is over."""

import sqlite3
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from aarlab.ablation.ablation_folder import AblationFolder, spending_in
from aarlab.ablation.ablation_plan import PlannedRun
from aarlab.ablation.local_workers import WorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.ablation.spending import SpendingMonitor
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, release_reservations
from aarlab.tools.sandbox import SandboxMode

_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How the work on an ablation ended."""

    status: Literal["done", "failed", "stopped"]
    """`done` also where single runs failed for good."""
    reason: str | None = None


class ProgressObserver(Protocol):
    """Somebody who wants to know how it goes on."""

    def run_started(self, run: PlannedRun, *, resumed: bool) -> None:
        """Take in that a run has begun; `resumed`: where it was broken off."""

    def run_progressed(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        """Take in what is new about a run; `will_retry`: it failed and will be retried."""


def execute(
    runs: Sequence[PlannedRun],
    folder: AblationFolder,
    workers: WorkerPool,
    monitor: SpendingMonitor,
    observer: ProgressObserver,
    *,
    retries: int,
    sandbox: SandboxMode,
    cache: bool,
) -> ExecutionResult:
    """Do all of the runs, and return how that ended; whatever the ending, nobody is at work any more.

    What is not finished then goes on the next time where it was broken off.
    """
    waiting = deque(runs)
    active: dict[str, tuple[PlannedRun, RunProgress]] = {}
    exhausted: str | None = None
    budget_spec = monitor.budget_spec()
    monitor.initialise_shared_budget(runs)
    failures: Counter[str] = Counter()
    try:
        # Where a call did not fit, others that are under way may; but nothing new is begun.
        while active or (waiting and exhausted is None):
            if (
                reason := monitor.exceeded_limit({stem: progress for stem, (_, progress) in active.items()})
            ) is not None:
                return ExecutionResult("stopped", reason)
            while waiting and workers.free() and exhausted is None:
                run = waiting.popleft()
                try:
                    resumed = folder.begin(run)
                    spent = spending_in(folder.draft(run)) if resumed else (0.0, 0)
                except (OSError, sqlite3.Error) as error:
                    return ExecutionResult("failed", f"{folder.root} cannot be written to: {error}")
                workers.begin(_task(run, folder, sandbox, budget_spec, cache=cache))
                active[run.stem] = (run, RunProgress(run.stem, "progress", cost_usd=spent[0], tokens=spent[1]))
                observer.run_started(run, resumed=resumed)
            for progress in workers.progress(_POLL_S):
                run = active[progress.run][0]
                if progress.kind == "progress":
                    active[progress.run] = (run, progress)
                else:
                    del active[progress.run]
                    monitor.invalidate()
                    if budget_spec is not None:
                        release_reservations(budget_spec, run.stem)
                failures[run.stem] += progress.kind == "failed"
                will_retry = progress.kind == "failed" and failures[run.stem] <= retries
                observer.run_progressed(run, progress, will_retry=will_retry)
                if progress.kind == "disk full":
                    return ExecutionResult("failed", f"{folder.root} cannot be written to: {progress.error}")
                if progress.kind == "budget exhausted":
                    exhausted = progress.error
                if will_retry:
                    waiting.append(run)
                elif progress.kind == "failed":
                    folder.failed(run, progress.error or "")
        return ExecutionResult("done") if exhausted is None else ExecutionResult("stopped", exhausted)
    finally:
        workers.close()


def _task(
    run: PlannedRun, folder: AblationFolder, sandbox: SandboxMode, budget_spec: SharedBudgetSpec | None, *, cache: bool
) -> RunTask:
    scenario = run.scenario.model_dump(mode="json")
    draft, target = folder.draft(run).resolve(), folder.finished_path(run).resolve()
    shared_budget = None if budget_spec is None else asdict(budget_spec)
    fork_from = None if run.fork_from is None else str(folder.fork_from.resolve())
    at = 0 if run.fork_from is None else run.fork_from.at
    return RunTask(run.stem, scenario, str(draft), str(target), sandbox, cache, shared_budget, fork_from, at)
