"""An ablation from its plan to its finished runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from aarlab import __version__
from aarlab.ablation.books import Books
from aarlab.ablation.execute import Ending, Watcher, execute
from aarlab.ablation.folder import Folder
from aarlab.ablation.pace import Pace
from aarlab.ablation.plan import ALL, Plan, PlannedRun, Shard
from aarlab.ablation.workers import LocalWorkers
from aarlab.graph.scenario import Scenario
from aarlab.memory.runfile import RunInfo
from aarlab.scenarios import registry
from aarlab.scenarios.task import Progress
from aarlab.tools.sandbox import Mode, Sandbox


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
    pace = Pace()
    for run in runs:
        if run.stem in done and isinstance(done[run.stem].summary, dict):
            pace.learn(run.arm, float(done[run.stem].summary["wall_s"]))
    return State(plan, folder, runs, done, pace)


def conduct(
    plan: Plan,
    root: Path,
    watch: Callable[[State], AbstractContextManager[Watcher]],
    *,
    jobs: int,
    shard: Shard = ALL,
    sandbox: Mode = "strict",
    cache: bool = True,
    preparing: AbstractContextManager[Progress] | None = None,
) -> Ending:
    """Do what is still to be done in an ablation's folder.

    Args:
        plan: What belongs to it.
        root: The folder; made if it is not there.
        watch: Opens something that wants to know how it goes on.
        jobs: How many runs are done at a time, each on one core.
        shard: The share of the runs that this process does.
        sandbox: Where methods run.
        cache: Use scores on common worlds that have been measured before; they are the same either way.
        preparing: Opens something that is told about slow preparations.

    Raises:
        ConfigError: The folder belongs to another ablation, is in use, or has files that cannot be read.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        KeyboardInterrupt: A person stopped it. What was finished is kept.
    """
    folder = Folder(root)
    folder.check(plan)
    with folder.held(shard):
        state = look(plan, root, shard)
        folder.prepare(plan)
        if not state.waiting:
            return Ending("done")
        with preparing or nullcontext() as progress:
            _prepare([run.scenario for run in state.waiting], sandbox, progress)
        books = Books(plan.ablation, plan.runs, folder)
        with watch(state) as watcher:
            return execute(
                state.waiting, folder, LocalWorkers(jobs), books, watcher,
                retries=plan.ablation.retries, sandbox=sandbox, cache=cache,
            )  # fmt: skip


def _prepare(scenarios: list[Scenario], sandbox: Mode, progress: Progress | None) -> None:
    """See that the sandbox works, and train the tasks' networks once, rather than in every worker."""
    with Sandbox(sandbox):
        pass
    tasks = {repr(scenario.task): registry.task(scenario.task.name, scenario.task.knobs) for scenario in scenarios}
    if any(scenario.scoring.transfer_worlds for scenario in scenarios):
        tasks |= dict(registry.TASKS)
    for task in tasks.values():
        task.prepare(progress)
