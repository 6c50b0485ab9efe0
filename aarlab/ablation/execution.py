"""Execute the runs of an ablation that are not finished."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from aarlab import __version__
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import AblationPlan, PlannedRun
from aarlab.ablation.advance_checks import missing_requirements
from aarlab.ablation.execution_options import ExecutionOptions, Executor, Part, Shard
from aarlab.ablation.forecast import Forecast
from aarlab.ablation.local_workers import LocalWorkerPool, WorkerPool
from aarlab.ablation.scheduler import ExecutionResult, ProgressObserver, execute
from aarlab.ablation.spending_monitor import SpendingMonitor
from aarlab.config.errors import ConfigError, Fault
from aarlab.graph.scenario import Scenario
from aarlab.memory.laboratory_fingerprint import needs_laboratory
from aarlab.memory.run_info import RunInfo
from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.prepared_data import UnusableData
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.laboratory_secret import (
    LaboratorySecretError,
    laboratory_secret,
    world_secret,
)
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.sandbox import SandboxMode, check_sandbox


@dataclass(frozen=True, slots=True)
class AblationState:
    """An ablation and the finished runs in its folder."""

    plan: AblationPlan
    folder: AblationFolder
    runs: tuple[PlannedRun, ...]
    """Runs of this process's shard and of the chosen part of the ablation."""
    part: Part
    done: dict[str, RunInfo]
    """Finished runs of the shard by stem."""
    forecast: Forecast

    @property
    def waiting(self) -> tuple[PlannedRun, ...]:
        """Runs of the shard that are not finished."""
        return tuple(run for run in self.runs if run.stem not in self.done)


def read_state(plan: AblationPlan, root: Path, shard: Shard, part: Part = "all") -> AblationState:
    """Return the state of an ablation. Writes nothing.

    Raises:
        ConfigError: The folder belongs to another ablation, or has files that cannot be read.
    """
    folder = AblationFolder(root)
    folder.check(plan)
    runs = plan.runs_of(shard, part)
    done = folder.done(runs, __version__)
    forecast = Forecast((*plan.runs, *plan.sensitivity_runs))
    for run in runs:
        if run.stem in done and isinstance(summary := done[run.stem].summary, dict):
            forecast.observe(run, summary)
    return AblationState(plan, folder, runs, part, done, forecast)


def execute_ablation(
    plan: AblationPlan,
    root: Path,
    options: ExecutionOptions,
    open_observer: Callable[[AblationState, int], AbstractContextManager[ProgressObserver]],
    prepare_progress: AbstractContextManager[Progress] | None = None,
) -> ExecutionResult:
    """Execute all runs of an ablation that are not finished.

    Args:
        plan: The ablation.
        root: Its folder; created if it does not exist.
        options: How to execute the runs.
        open_observer: Opens an observer of the progress, given the state and the number of parallel runs.
        prepare_progress: Opens a callback for the progress of slow preparations.

    Raises:
        ConfigError: The folder belongs to another ablation, is in use, or has files that cannot be read; or Ray is
            not available, or a base model of an unfinished run lacks its key or package.
        SandboxUnavailable: This machine does not support the requested sandbox.
        KeyboardInterrupt: A person stopped the execution. Finished runs are kept.
    """
    check_executor(options)
    folder = AblationFolder(root)
    folder.check(plan)
    # The nodes of a remote cluster have keys and packages of their own, and prepare themselves.
    local = _runs_locally(options.executor)
    unfinished = [run for run in plan.runs_of(options.shard, options.part) if not folder.finished_path(run).exists()]
    if local and (faults := missing_requirements(unfinished)):
        raise ConfigError(faults)
    options = replace(options, laboratory_secret=_laboratory_secret(unfinished, root))
    with folder.locked(options.shard):
        state = read_state(plan, root, options.shard, options.part)
        folder.prepare(plan)
        for run in state.runs:
            if run.stem in state.done:
                folder.clear_finished(run)
        if not state.waiting:
            return ExecutionResult("done")
        if local:
            with prepare_progress or nullcontext() as progress:
                _prepare([run.scenario for run in state.waiting], options.sandbox, progress)
        workers = _worker_pool(options)
        monitor = SpendingMonitor(plan.ablation, (*plan.runs, *plan.sensitivity_runs), folder)
        with open_observer(state, workers.count) as observer:
            return execute(state.waiting, folder, workers, monitor, observer, options, retries=plan.ablation.retries)


def _laboratory_secret(runs: Sequence[PlannedRun], root: Path) -> str | None:
    """Return the secret of the laboratory if a run needs it. Raises ConfigError if it is missing or another one."""
    needed = {secret for run in runs if needs_laboratory(secret := run.scenario.scoring.secret)}
    if not needed:
        return None
    try:
        laboratory = laboratory_secret(create=False)
        for secret in sorted(needed):
            world_secret(secret, laboratory)
    except LaboratorySecretError as error:
        raise ConfigError([Fault(str(root), "scoring.secret", str(error), None)]) from None
    return laboratory


def check_executor(options: ExecutionOptions) -> None:
    """Raise ConfigError if the executor is not available, or cannot give GPUs to runs."""
    if options.executor == "local" and options.gpus_per_run:
        problem = "processes of the executor `local` share all GPUs of this machine"
        fix = "--executor ray, which also starts Ray on this machine"
        raise ConfigError([Fault("--gpus-per-run", None, problem, fix)])
    if options.executor == "ray":
        from aarlab.ablation.ray_workers import check_ray

        check_ray()


def _runs_locally(executor: Executor) -> bool:
    if executor == "local":
        return True
    from aarlab.ablation.ray_workers import starts_local_cluster

    return starts_local_cluster()


def _worker_pool(options: ExecutionOptions) -> WorkerPool:
    if options.executor == "local":
        return LocalWorkerPool(options.jobs or available_cores())
    from aarlab.ablation.ray_workers import RayWorkerPool

    return RayWorkerPool(options.jobs, options.gpus_per_run)


def _prepare(scenarios: list[Scenario], sandbox: SandboxMode, progress: Progress | None) -> None:
    """Check that the sandbox works, and train the tasks' networks once instead of in every worker.

    Raises:
        ConfigError: A model or the data of a task cannot be used.
        SandboxUnavailable: This machine does not support the sandbox.
    """
    check_sandbox(sandbox)
    tasks = {repr(choice): choice for scenario in scenarios for choice in (scenario.task, *scenario.transfer_tasks)}
    for choice in tasks.values():
        task = choice.make()
        try:
            task.prepare(progress)
        except (UnusableModel, UnusableData) as error:
            raise ConfigError([Fault(choice.name, "task.parameters", str(error), None)]) from None
        # The workers load the models themselves, perhaps on the same GPU.
        task.unload()
