"""An ablation from its plan to its finished runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aarlab import __version__
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import ALL, AblationPlan, PlannedRun, Shard
from aarlab.ablation.cost_forecast import CostForecast
from aarlab.ablation.duration_forecast import DurationForecast
from aarlab.ablation.local_workers import LocalWorkerPool, WorkerPool
from aarlab.ablation.scheduler import ExecutionResult, ProgressObserver, execute
from aarlab.ablation.spending import SpendingMonitor
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_info import RunInfo
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.sandbox import Sandbox, SandboxMode

Executor = Literal["local", "ray"]
"""Who does the runs: processes on this machine, or a Ray cluster."""


@dataclass(frozen=True, slots=True)
class AblationState:
    """What there is to do in an ablation's folder."""

    plan: AblationPlan
    folder: AblationFolder
    runs: tuple[PlannedRun, ...]
    """Those of this process's shard."""
    done: dict[str, RunInfo]
    """Those of them that are finished, by stem."""
    durations: DurationForecast
    costs: CostForecast

    @property
    def waiting(self) -> tuple[PlannedRun, ...]:
        """Those of them that are not."""
        return tuple(run for run in self.runs if run.stem not in self.done)


def read_state(plan: AblationPlan, root: Path, shard: Shard) -> AblationState:
    """Return how an ablation stands. Nothing is written.

    Raises:
        ConfigError: The folder belongs to another ablation, or has files that cannot be read.
    """
    folder = AblationFolder(root)
    folder.check(plan)
    runs = plan.runs_of(shard)
    done = folder.done(runs, __version__)
    durations, costs = DurationForecast(), CostForecast(plan.arms)
    for run in runs:
        if run.stem in done and isinstance(summary := done[run.stem].summary, dict):
            durations.observe(run.arm, float(summary["wall_clock_s"]))
            costs.observe(run.arm, summary.get("cost_usd"))
    return AblationState(plan, folder, runs, done, durations, costs)


def execute_ablation(
    plan: AblationPlan,
    root: Path,
    open_observer: Callable[[AblationState, int], AbstractContextManager[ProgressObserver]],
    *,
    jobs: int | None = None,
    executor: Executor = "local",
    shard: Shard = ALL,
    sandbox: SandboxMode = "strict",
    cache: bool = True,
    prepare_progress: AbstractContextManager[Progress] | None = None,
) -> ExecutionResult:
    """Do what is still to be done in an ablation's folder.

    Args:
        plan: What belongs to it.
        root: The folder; made if it is not there.
        watch: Opens something that wants to know how it goes on, given how things stand and how many runs are done at a
            time.
        jobs: How many runs are done at a time, each on one core; None: as many as there are cores.
        executor: Who does them.
        shard: The share of the runs that this process does.
        sandbox: Where methods run.
        cache: Use scores on common worlds that have been measured before; they are the same either way.
        preparing: Opens something that is told about slow preparations.

    Raises:
        ConfigError: The folder belongs to another ablation, is in use, or has files that cannot be read; or there is
            no Ray.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        KeyboardInterrupt: A person stopped it. What was finished is kept.
    """
    check_executor(executor)
    folder = AblationFolder(root)
    folder.check(plan)
    with folder.locked(shard):
        state = read_state(plan, root, shard)
        folder.prepare(plan)
        if not state.waiting:
            return ExecutionResult("done")
        # Far away, every node sees to itself.
        if _runs_locally(executor):
            with prepare_progress or nullcontext() as progress:
                _prepare([run.scenario for run in state.waiting], sandbox, progress)
        workers = _worker_pool(executor, jobs)
        monitor = SpendingMonitor(plan.ablation, plan.runs, folder)
        with open_observer(state, workers.count) as observer:
            return execute(
                state.waiting, folder, workers, monitor, observer,
                retries=plan.ablation.retries, sandbox=sandbox, cache=cache,
            )  # fmt: skip


def check_executor(executor: Executor) -> None:
    """See whether there is somebody to do the runs. Raises ConfigError."""
    if executor == "ray":
        from aarlab.ablation.ray_workers import check_ray

        check_ray()


def _runs_locally(executor: Executor) -> bool:
    if executor == "local":
        return True
    from aarlab.ablation.ray_workers import starts_local_cluster

    return starts_local_cluster()


def _worker_pool(executor: Executor, jobs: int | None) -> WorkerPool:
    if executor == "local":
        return LocalWorkerPool(jobs or available_cores())
    from aarlab.ablation.ray_workers import RayWorkerPool

    return RayWorkerPool(jobs)


def _prepare(scenarios: list[Scenario], sandbox: SandboxMode, progress: Progress | None) -> None:
    """See that the sandbox works, and train the tasks' networks once, rather than in every worker."""
    with Sandbox(sandbox):
        pass
    tasks = {repr(choice): choice for scenario in scenarios for choice in (scenario.task, *scenario.transfer_tasks)}
    for choice in tasks.values():
        choice.make().prepare(progress)
