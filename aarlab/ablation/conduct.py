"""An ablation from its plan to its finished runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aarlab import __version__
from aarlab.ablation.books import Books
from aarlab.ablation.costs import Costs
from aarlab.ablation.execute import Ending, Watcher, execute
from aarlab.ablation.folder import Folder
from aarlab.ablation.pace import Pace
from aarlab.ablation.plan import ALL, Plan, PlannedRun, Shard
from aarlab.ablation.workers import LocalWorkers, Workers
from aarlab.comparison import cores
from aarlab.graph.scenario import Scenario
from aarlab.memory.runfile import RunInfo
from aarlab.scenarios import registry
from aarlab.scenarios.task import Progress
from aarlab.tools.sandbox import Mode, Sandbox

Executor = Literal["local", "ray"]
"""Who does the runs: processes on this machine, or a Ray cluster."""


@dataclass(frozen=True, slots=True)
class State:
    """What there is to do in an ablation's folder."""

    plan: Plan
    folder: Folder
    runs: tuple[PlannedRun, ...]
    """Those of this process's shard."""
    done: dict[str, RunInfo]
    """Those of them that are finished, by stem."""
    pace: Pace
    costs: Costs

    @property
    def waiting(self) -> tuple[PlannedRun, ...]:
        """Those of them that are not."""
        return tuple(run for run in self.runs if run.stem not in self.done)


def look(plan: Plan, root: Path, shard: Shard) -> State:
    """Return how an ablation stands. Nothing is written.

    Raises:
        ConfigError: The folder belongs to another ablation, or has files that cannot be read.
    """
    folder = Folder(root)
    folder.check(plan)
    runs = plan.runs_of(shard)
    done = folder.done(runs, __version__)
    pace, costs = Pace(), Costs(plan.arms)
    for run in runs:
        if run.stem in done and isinstance(summary := done[run.stem].summary, dict):
            pace.learn(run.arm, float(summary["wall_s"]))
            costs.learn(run.arm, summary.get("cost_usd"))
    return State(plan, folder, runs, done, pace, costs)


def conduct(
    plan: Plan,
    root: Path,
    watch: Callable[[State, int], AbstractContextManager[Watcher]],
    *,
    jobs: int | None = None,
    executor: Executor = "local",
    shard: Shard = ALL,
    sandbox: Mode = "strict",
    cache: bool = True,
    preparing: AbstractContextManager[Progress] | None = None,
) -> Ending:
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
    folder = Folder(root)
    folder.check(plan)
    with folder.held(shard):
        state = look(plan, root, shard)
        folder.prepare(plan)
        if not state.waiting:
            return Ending("done")
        # Far away, every node sees to itself.
        if _works_here(executor):
            with preparing or nullcontext() as progress:
                _prepare([run.scenario for run in state.waiting], sandbox, progress)
        workers = _employ(executor, jobs)
        books = Books(plan.ablation, plan.runs, folder)
        with watch(state, workers.count) as watcher:
            return execute(
                state.waiting, folder, workers, books, watcher,
                retries=plan.ablation.retries, sandbox=sandbox, cache=cache,
            )  # fmt: skip


def check_executor(executor: Executor) -> None:
    """See whether there is somebody to do the runs. Raises ConfigError."""
    if executor == "ray":
        from aarlab.ablation.cluster import check_ray

        check_ray()


def _works_here(executor: Executor) -> bool:
    if executor == "local":
        return True
    from aarlab.ablation.cluster import is_here

    return is_here()


def _employ(executor: Executor, jobs: int | None) -> Workers:
    if executor == "local":
        return LocalWorkers(jobs or cores())
    from aarlab.ablation.cluster import RayWorkers

    return RayWorkers(jobs)


def _prepare(scenarios: list[Scenario], sandbox: Mode, progress: Progress | None) -> None:
    """See that the sandbox works, and train the tasks' networks once, rather than in every worker."""
    with Sandbox(sandbox):
        pass
    tasks = {repr(scenario.task): registry.task(scenario.task.name, scenario.task.knobs) for scenario in scenarios}
    if any(scenario.scoring.transfer_worlds for scenario in scenarios):
        tasks |= dict(registry.TASKS)
    for task in tasks.values():
        task.prepare(progress)
