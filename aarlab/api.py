"""The commands as Python functions. Import them from `aarlab`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aarlab.ablation.ablation_file import load_ablation, plan_of
from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.execution import execute_ablation
from aarlab.ablation.execution_options import ExecutionOptions, Executor, Part, Shard
from aarlab.ablation.progress_display import AblationDisplay
from aarlab.ablation.records import Results, open_ablation
from aarlab.config.forked_scenario import forked_scenario
from aarlab.config.run_lookup import DEFAULT_FOLDER, find_run, new_run_path
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import ReplayResult, Tools, replay_run
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
    """Execute a scenario and return its summary, which `aarlab run --json` prints.

    Args:
        scenario: A scenario, a YAML file or the name of a shipped scenario; None means quickstart.
        settings: Overrides as for `--set`, such as `budget.hours=4`; only for a file or a name.
        out: Folder for the run file. The summary has its path as `file`.
        sandbox: Where methods run; `none` does not confine them.

    Raises:
        ConfigError: The scenario is invalid.
        ValueError: Settings are given for a Scenario.
        SandboxUnavailable: This machine cannot run the sandbox.
    """
    if isinstance(scenario, Scenario):
        if settings:
            raise ValueError("settings apply to files and names only; change the Scenario instead")
        chosen = scenario
    else:
        chosen = load_scenario(scenario, settings)
    return run_scenario(chosen, new_run_path(Path(out), chosen.name, chosen.seed).resolve(), sandbox=sandbox)


def resume(run: str | Path | None = None, *, task_files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Resume an interrupted run and return its summary.

    The graph re-executes from the start with the recorded replies and scores, and continues live where the recording
    ends, so nothing is paid for or executed twice.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.

    Raises:
        ConfigError: There is no such run.
        RunAlreadyFinished: The run is finished.
        Divergence: The re-execution differs from the recording.
    """
    _load(task_files)
    return resume_run(find_run(None if run is None else str(run)))


def replay(
    run: str | Path | None = None, *, tools: Tools = "tape", task_files: Sequence[str | Path] = ()
) -> ReplayResult:
    """Replay a run from its recording, compare every event, and return the result.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.
        tools: `tape` uses the recorded scores; `live` runs every experiment again and compares the scores.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.

    Raises:
        ConfigError: There is no such run.
        Divergence: The replay differs from the recording.
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
    """Continue a run from one of its rounds under other settings, and return the summary of the new run.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs.
        at: First round under the new settings; earlier rounds repeat the recording.
        settings: Overrides as for `--set`, such as `structure=staged`, applied to the scenario of the run.
        seed: Seed from that round on; None keeps the seed of the run.
        out: Folder for the new run file.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.

    Raises:
        ConfigError: The run has not begun that round, or the settings change what a fork must keep.
        Divergence: The re-execution of earlier rounds differs from the recording.
    """
    _load(task_files)
    parent = find_run(str(run))
    scenario = forked_scenario(parent, at, settings, seed)
    path = new_run_path(Path(out), f"{scenario.name}-at{at}", scenario.seed).resolve()
    with RunReader.open(parent) as file:
        mode = file.info().sandbox or "strict"
    return fork_run(parent, path, scenario, at=at, sandbox=mode)


def open_run(run: str | Path | None = None) -> RunReader:
    """Open a run file for reading. Use it in a `with` statement, or close it.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.

    Raises:
        ConfigError: There is no such run.
        SchemaError: The file is not a run file.
    """
    return RunReader.open(find_run(None if run is None else str(run)))


def _load(task_files: Sequence[str | Path]) -> None:
    for path in task_files:
        load_task_file(Path(path))


def ablate(
    ablation: Ablation | str | Path,
    *,
    settings: Sequence[str] = (),
    out: str | Path | None = None,
    jobs: int | None = None,
    executor: Executor = "local",
    shard: str = "1/1",
    part: Part = "all",
    sandbox: SandboxMode = "strict",
    cache: bool = True,
    progress: bool = True,
) -> Results:
    """Execute the unfinished runs of an ablation and return the records of all runs, including failed ones.

    Args:
        ablation: An ablation, a YAML file or the name of a shipped ablation.
        settings: Overrides as for `--set`, such as `seeds=20`; only for a file or a name.
        out: Folder of the ablation; None means `ablations/NAME`, or with `seeds_from` `ablations/NAME-from-SEED`.
            Finished runs in it are kept.
        jobs: Number of parallel runs, each on one core; None means all cores.
        executor: `local` processes, or a `ray` cluster (needs the extra `ray`).
        shard: `i/n` executes only the i-th of n equal shares of the runs.
        part: `comparison` executes no sensitivity settings, `sensitivity` only these.
        sandbox: Where methods run; `none` does not confine them.
        cache: Whether to reuse scores that other runs measured on the same worlds. The scores do not depend on it.
        progress: Whether to show progress on stderr.

    Raises:
        ConfigError: The ablation is invalid, its folder belongs to another ablation or is in use, or Ray is missing.
        ValueError: Settings are given for an Ablation.
        SandboxUnavailable: This machine cannot run the sandbox.
        OSError: The folder cannot be written to any more. Finished runs are kept.
    """
    if isinstance(ablation, Ablation):
        if settings:
            raise ValueError("settings apply to files and names only; change the Ablation instead")
        plan = plan_of(ablation)
    else:
        plan = load_ablation(ablation, settings)
    root = Path(out or f"ablations/{plan.folder_name}")
    console = Console(stderr=True, highlight=False, quiet=not progress)
    options = ExecutionOptions(jobs, executor, Shard.parse(shard), sandbox, cache, part)
    result = execute_ablation(
        plan, root, options, lambda state, jobs: AblationDisplay(state, console, jobs=jobs).live()
    )
    if result.status == "disk full":
        raise OSError(result.reason)
    return open_ablation(root)
