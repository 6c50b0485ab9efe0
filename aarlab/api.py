"""The commands as functions: `from aarlab import run, resume, replay, fork, ablate, open_run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aarlab.ablation.ablation_file import load_ablation, plan_of
from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.execution import execute_ablation
from aarlab.ablation.execution_options import ExecutionOptions, Executor, Shard
from aarlab.ablation.progress_display import AblationDisplay
from aarlab.ablation.records import Results, open_ablation
from aarlab.config.forked_scenario import forked_scenario
from aarlab.config.run_lookup import DEFAULT_FOLDER, find_run, new_run_path
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import Replayed, Tools, replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.task_files import load_task_file
from aarlab.tools.sandbox import SandboxMode


def run(
    scenario: Scenario | str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    out: str | Path = DEFAULT_FOLDER,
    sandbox: SandboxMode = "strict",
) -> dict[str, Any]:
    """Let a team work, and return the summary that `aarlab run --json` prints; its `file` can be opened.

    Args:
        scenario: A scenario, a YAML file or the name of a shipped scenario; None means quickstart.
        settings: Overrides as for `--set`, such as `budget.hours=4`; not for a scenario that was made in Python.
        out: Folder for the run file.
        sandbox: Where methods run; `none` does not confine them.

    Raises:
        ConfigError: What is asked for cannot be used.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
    """
    if isinstance(scenario, Scenario):
        if settings:
            raise ValueError("settings are for files; make the scenario as you want it")
        chosen = scenario
    else:
        chosen = load_scenario(scenario, settings)
    return run_scenario(chosen, new_run_path(Path(out), chosen.name, chosen.seed).resolve(), sandbox=sandbox)


def resume(run: str | Path | None = None, *, task_files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Go on with a run that was broken off, and return its summary.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None: the newest in ./runs.
        task_files: Python files that define tasks of the run, unchanged since it was recorded; they are executed.

    Raises:
        ConfigError: There is none.
        RunOver: It has come to its end.
        Divergence: What happens now is not what is on tape.
    """
    _load(task_files)
    return resume_run(find_run(None if run is None else str(run)))


def replay(run: str | Path | None = None, *, tools: Tools = "tape", task_files: Sequence[str | Path] = ()) -> Replayed:
    """Let a run happen again from its tape, and return what was compared; `tools="live"` measures every score again.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None: the newest in ./runs.
        tools: Whether scores come from the run file, or are measured again and compared with it.
        task_files: Python files that define tasks of the run, unchanged since it was recorded; they are executed.

    Raises:
        ConfigError: There is none.
        Divergence: What happens now is not what is on tape.
    """
    _load(task_files)
    return replay_run(find_run(None if run is None else str(run)), tools)


def fork(
    run: str | Path,
    at: int,
    *,
    settings: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path = DEFAULT_FOLDER,
    task_files: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Let a run go on otherwise from the beginning of a round, and return the summary of the new one.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs.
        at: The first round that is new.
        settings: Overrides as for `--set`, such as `structure=staged`, on top of how the run was configured.
        seed: Of what is random from there on; None: the run's own.
        out: Folder for the run file.
        task_files: Python files that define tasks of the run, unchanged since it was recorded; they are executed.

    Raises:
        ConfigError: It cannot be forked there, or like this.
        Divergence: What happens now is not what is on tape.
    """
    _load(task_files)
    parent = find_run(str(run))
    scenario = forked_scenario(parent, at, settings, seed)
    path = new_run_path(Path(out), f"{scenario.name}-at{at}", scenario.seed).resolve()
    with RunReader.open(parent) as file:
        mode = file.info().sandbox or "strict"
    return fork_run(parent, path, scenario, at=at, sandbox=mode)


def _load(task_files: Sequence[str | Path]) -> None:
    for path in task_files:
        load_task_file(Path(path))


def open_run(run: str | Path | None = None) -> RunReader:
    """Open a run file for reading: a path, a folder (its newest run) or an id in ./runs; None: the newest in ./runs.

    Raises:
        ConfigError: There is none.
        SchemaError: It is not a run file.
    """
    return RunReader.open(find_run(None if run is None else str(run)))


def ablate(
    ablation: Ablation | str | Path,
    *,
    settings: Sequence[str] = (),
    out: str | Path | None = None,
    jobs: int | None = None,
    executor: Executor = "local",
    shard: str = "1/1",
    sandbox: SandboxMode = "strict",
    cache: bool = True,
    progress: bool = True,
) -> Results:
    """Do what is still to be done of an ablation, and return its records, those of failed runs among them.

    Args:
        ablation: An ablation, a YAML file or the name of a shipped ablation.
        settings: Overrides as for `--set`, such as `seeds=20`; not for an ablation that was made in Python.
        out: Its folder; None: `ablations/NAME`. What is finished there already is kept.
        jobs: Runs at a time, each on one core; None: as many as there are cores.
        executor: Who does them: `local` processes, or a `ray` cluster (the extra `ray`).
        shard: `i/n`: only the i-th of n equal shares of the runs.
        sandbox: Where methods run; `none` does not confine them.
        cache: Use scores on common worlds that have been measured before; they are the same either way.
        progress: Whether to show on stderr how it goes on.

    Raises:
        ConfigError: What is asked for cannot be used, or the folder is another ablation's, or in use; or no Ray.
        SandboxUnavailable: This machine cannot run the sandbox that was asked for.
        OSError: The folder can no longer be written to. What was finished is kept.
    """
    if isinstance(ablation, Ablation):
        if settings:
            raise ValueError("settings are for files; make the ablation as you want it")
        plan = plan_of(ablation)
    else:
        plan = load_ablation(ablation, settings)
    root = Path(out or f"ablations/{plan.ablation.name}")
    console = Console(stderr=True, highlight=False, quiet=not progress)
    options = ExecutionOptions(jobs, executor, Shard.parse(shard), sandbox, cache)
    ending = execute_ablation(
        plan, root, options, lambda state, at_a_time: AblationDisplay(state, console, jobs=at_a_time).live()
    )
    if ending.status == "failed":
        raise OSError(ending.reason)
    return open_ablation(root)
