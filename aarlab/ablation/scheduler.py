"""Schedule the runs of an ablation: order, retries and limits."""

import sqlite3
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import PlannedRun
from aarlab.ablation.execution_options import ExecutionOptions
from aarlab.ablation.local_workers import WorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.ablation.spending import Spending, spending_in
from aarlab.ablation.spending_monitor import SpendingMonitor
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, release_reservations
from aarlab.graph.task_choice import known_data_files

_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How the execution of an ablation ended."""

    status: Literal["done", "failed", "stopped", "disk full"]
    """`done`: every run was executed, even if some failed. `failed`: no run can be executed here. `stopped`: a limit or
    a person stopped the execution. `disk full`: the folder cannot be written to any more; finished runs are kept.
    """
    reason: str | None = None


class ProgressObserver(Protocol):
    """Receives the progress of runs."""

    def run_started(self, run: PlannedRun, *, resumed: bool) -> None:
        """Handle the start of a run; `resumed`: it was interrupted before."""

    def run_progressed(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        """Handle the progress of a run; `will_retry`: it failed and will be retried."""


def execute(
    runs: Sequence[PlannedRun],
    folder: AblationFolder,
    workers: WorkerPool,
    monitor: SpendingMonitor,
    observer: ProgressObserver,
    options: ExecutionOptions,
    *,
    retries: int,
) -> ExecutionResult:
    """Execute runs and return the result. All workers have ended when this returns or raises.

    Runs that were interrupted are resumed at the next start.
    """
    waiting = deque(runs)
    active: dict[str, tuple[PlannedRun, RunProgress]] = {}
    exhausted: str | None = None
    budget_spec = monitor.budget_spec()
    monitor.initialise_shared_budget(runs)
    failures: Counter[str] = Counter()
    try:
        # If a call of one run exceeds the budget, smaller calls of active runs can still fit. No new run is started.
        while active or (waiting and exhausted is None):
            reason = monitor.exceeded_limit({stem: progress for stem, (_, progress) in active.items()})
            if reason is not None:
                return ExecutionResult("stopped", reason)
            while waiting and workers.has_capacity() and exhausted is None:
                run = waiting.popleft()
                try:
                    resumed = folder.clear_attempt(run)
                    spent = spending_in(folder.draft(run)) if resumed else Spending()
                except (OSError, sqlite3.Error) as error:
                    return ExecutionResult("disk full", f"{folder.root} cannot be written to: {error}")
                workers.submit(_task(run, folder, options, budget_spec))
                active[run.stem] = (run, RunProgress(run.stem, "progress", spent=spent))
                observer.run_started(run, resumed=resumed)
            for progress in workers.poll(_POLL_S):
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
                    return ExecutionResult("disk full", f"{folder.root} cannot be written to: {progress.error}")
                if progress.kind == "budget exhausted":
                    exhausted = progress.error
                if will_retry:
                    waiting.append(run)
                elif progress.kind == "failed":
                    folder.write_error(run, progress.error or "")
        return ExecutionResult("done") if exhausted is None else ExecutionResult("stopped", exhausted)
    finally:
        workers.close()


def _task(
    run: PlannedRun, folder: AblationFolder, options: ExecutionOptions, budget_spec: SharedBudgetSpec | None
) -> RunTask:
    return RunTask(
        run=run.stem,
        scenario=run.scenario.model_dump(mode="json"),
        draft=str(folder.draft(run).resolve()),
        target=str(folder.finished_path(run).resolve()),
        sandbox=options.sandbox,
        cache=options.cache,
        data_files=known_data_files(run.scenario.task, *run.scenario.scoring.transfer_tasks),
        laboratory_secret=options.laboratory_secret,
        shared_budget=None if budget_spec is None else asdict(budget_spec),
        fork_from=None if run.fork_from is None else str(folder.fork_from.resolve()),
        at=0 if run.fork_from is None else run.fork_from.at,
    )
