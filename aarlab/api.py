"""The commands as Python functions. Import them from `aarlab`."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from aarlab.ablation.ablation_file import load_ablation, plan_of
from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.execution import execute_ablation
from aarlab.ablation.execution_options import ExecutionOptions, Executor, Part, Shard
from aarlab.ablation.progress_display import AblationDisplay
from aarlab.ablation.records import Results
from aarlab.ablation.records import open_ablation as read_ablation
from aarlab.config.address_checks import confirmed_in_settings, require_confirmed
from aarlab.config.forked_scenario import forked_scenario
from aarlab.config.run_lookup import DEFAULT_FOLDER, find_run, new_run_path
from aarlab.config.scenario_files import load_scenario
from aarlab.event_loop import Listener, awaited, blocking
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.replay import ReplayResult, Tools, replay_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.run.segments import segments_of
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_file_errors import ALTERED
from aarlab.memory.run_reader import RunReader
from aarlab.notebook_display import RunSummary, progress_display
from aarlab.recording import Recording
from aarlab.scenarios.task_files import load_task_file
from aarlab.tools.sandbox import SandboxMode


def run(
    scenario: Scenario | str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    out: str | Path = DEFAULT_FOLDER,
    sandbox: SandboxMode = "strict",
    progress: bool | None = None,
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Execute a scenario and return its summary, which `aarlab run --json` prints.

    It also works where an event loop is running, as in a notebook; the loop waits for it. `arun` does not block.

    Args:
        scenario: A scenario, a YAML file or the name of a shipped scenario; None means quickstart.
        settings: Overrides as for `--set`, such as `budget.hours=4`; only for a file or a name.
        out: Folder for the run file. The summary has its path as `file`.
        sandbox: Where methods run; `none` does not confine them.
        progress: Whether to show progress, in a notebook below the cell, else on stderr; None: only in a notebook.
        allow_base_urls: Servers that may get keys although a file names them, besides those in `settings`; also names
            of outside agents whose command may be started although a file names it.

    Raises:
        ConfigError: The scenario is invalid.
        ValueError: Settings are given for a Scenario.
        SandboxUnavailable: This machine cannot run the sandbox.
        KeyboardInterrupt: The user stopped the run. It can be resumed.
    """
    return blocking(_run(scenario, settings, out, sandbox, progress, allow_base_urls))


async def arun(
    scenario: Scenario | str | Path | None = None,
    *,
    settings: Sequence[str] = (),
    out: str | Path = DEFAULT_FOLDER,
    sandbox: SandboxMode = "strict",
    progress: bool | None = None,
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Execute a scenario as `run` does, while the event loop continues. Several runs can be awaited together.

    If the task is cancelled, the run stops at its next event and can be resumed.
    """
    return await awaited(_run(scenario, settings, out, sandbox, progress, allow_base_urls))


def _run(
    scenario: Scenario | str | Path | None,
    settings: Sequence[str],
    out: str | Path,
    sandbox: SandboxMode,
    progress: bool | None,
    allow_base_urls: Sequence[str],
) -> Callable[[Listener], RunSummary]:
    if isinstance(scenario, Scenario):
        if settings:
            raise ValueError("settings apply to files and names only; change the Scenario instead")
        chosen = scenario
    else:
        chosen = load_scenario(scenario, settings)
        _require_confirmed([chosen], settings, allow_base_urls)
    path = new_run_path(Path(out), chosen.name, chosen.seed).resolve()
    return lambda listener: _executed(partial(run_scenario, chosen, path, sandbox=sandbox), chosen, progress, listener)


def _executed(
    execute: Callable[..., dict[str, Any]], scenario: Scenario, progress: bool | None, listener: Listener
) -> RunSummary:
    """Execute a run with its display and return its summary."""
    with progress_display(scenario, progress) as display:
        listeners = [listener] if display is None else [listener, display.handle_event]
        steps = None if display is None else display.progress
        return RunSummary(execute(listeners=listeners, progress=steps))


def resume(
    run: str | Path | None = None,
    *,
    task_files: Sequence[str | Path] = (),
    progress: bool | None = None,
    sandbox: SandboxMode = "strict",
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Resume an interrupted run and return its summary.

    The graph re-executes from the start with the recorded replies and scores, and continues live where the recording
    ends, so nothing is paid for or executed twice.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.
        progress: Whether to show progress, in a notebook below the cell, else on stderr; None: only in a notebook.
        sandbox: Where methods run, whatever mode the file records; `none` does not confine them.
        allow_base_urls: Servers that may get keys although the run file names them; also names of outside agents whose
            command may be started although it names them.

    Raises:
        ConfigError: There is no such run.
        RunAlreadyFinished: The run is finished.
        Divergence: The re-execution differs from the recording.
    """
    return blocking(_resume(run, task_files, progress, sandbox, allow_base_urls))


async def aresume(
    run: str | Path | None = None,
    *,
    task_files: Sequence[str | Path] = (),
    progress: bool | None = None,
    sandbox: SandboxMode = "strict",
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Resume a run as `resume` does, while the event loop continues; cancelled as `arun`."""
    return await awaited(_resume(run, task_files, progress, sandbox, allow_base_urls))


def _resume(
    run: str | Path | None,
    task_files: Sequence[str | Path],
    progress: bool | None,
    sandbox: SandboxMode,
    allow_base_urls: Sequence[str],
) -> Callable[[Listener], RunSummary]:
    _load(task_files)
    path = _found(run)
    with RunReader.open(path) as file:
        scenario = segments_of(file)[-1].scenario
    _require_confirmed([scenario], (), allow_base_urls)
    return lambda listener: _executed(partial(resume_run, path, sandbox=sandbox), scenario, progress, listener)


def replay(
    run: str | Path | None = None,
    *,
    tools: Tools = "tape",
    task_files: Sequence[str | Path] = (),
    sandbox: SandboxMode = "strict",
) -> ReplayResult:
    """Replay a run from its recording, compare every event, and return the result.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.
        tools: `tape` uses the recorded scores; `live` runs every experiment again and compares the scores.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.
        sandbox: Where methods run, whatever mode the file records; `none` does not confine them.

    Raises:
        ConfigError: There is no such run.
        Divergence: The replay differs from the recording.
    """
    return blocking(_replay(run, tools, task_files, sandbox))


async def areplay(
    run: str | Path | None = None,
    *,
    tools: Tools = "tape",
    task_files: Sequence[str | Path] = (),
    sandbox: SandboxMode = "strict",
) -> ReplayResult:
    """Replay a run as `replay` does, while the event loop continues; cancelled as `arun`."""
    return await awaited(_replay(run, tools, task_files, sandbox))


def _replay(
    run: str | Path | None, tools: Tools, task_files: Sequence[str | Path], sandbox: SandboxMode
) -> Callable[[Listener], ReplayResult]:
    _load(task_files)
    path = _found(run)
    return lambda listener: replay_run(path, tools, listeners=[listener], sandbox=sandbox)


def fork(
    run: str | Path,
    at: int,
    *,
    settings: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path = DEFAULT_FOLDER,
    task_files: Sequence[str | Path] = (),
    progress: bool | None = None,
    sandbox: SandboxMode = "strict",
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Continue a run from one of its rounds under other settings, and return the summary of the new run.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs.
        at: First round under the new settings; earlier rounds repeat the recording.
        settings: Overrides as for `--set`, such as `structure=staged`, applied to the scenario of the run.
        seed: Seed from that round on; None keeps the seed of the run.
        out: Folder for the new run file.
        task_files: Python files that define tasks of the run, unchanged since it was recorded. They are executed.
        progress: Whether to show progress, in a notebook below the cell, else on stderr; None: only in a notebook.
        sandbox: Where methods run, whatever mode the file records; `none` does not confine them.
        allow_base_urls: Servers that may get keys although a file names them, besides those in `settings`; also names
            of outside agents whose command may be started although a file names it.

    Raises:
        ConfigError: The run has not begun that round, or the settings change what a fork must keep.
        Divergence: The re-execution of earlier rounds differs from the recording.
    """
    return blocking(_fork(run, at, settings, seed, out, task_files, progress, sandbox, allow_base_urls))


async def afork(
    run: str | Path,
    at: int,
    *,
    settings: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path = DEFAULT_FOLDER,
    task_files: Sequence[str | Path] = (),
    progress: bool | None = None,
    sandbox: SandboxMode = "strict",
    allow_base_urls: Sequence[str] = (),
) -> RunSummary:
    """Fork a run as `fork` does, while the event loop continues; cancelled as `arun`."""
    return await awaited(_fork(run, at, settings, seed, out, task_files, progress, sandbox, allow_base_urls))


def _fork(
    run: str | Path,
    at: int,
    settings: Sequence[str],
    seed: int | None,
    out: str | Path,
    task_files: Sequence[str | Path],
    progress: bool | None,
    sandbox: SandboxMode,
    allow_base_urls: Sequence[str],
) -> Callable[[Listener], RunSummary]:
    _load(task_files)
    parent = _found(run)
    scenario = forked_scenario(parent, at, settings, seed)
    _require_confirmed([scenario], settings, allow_base_urls)
    path = new_run_path(Path(out), f"{scenario.name}-at{at}", scenario.seed).resolve()
    execute = partial(fork_run, parent, path, scenario, at=at, sandbox=sandbox)
    return lambda listener: _executed(execute, scenario, progress, listener)


def _found(run: str | Path | None) -> Path:
    return find_run(None if run is None else str(run))


def open_run(run: str | Path | None = None) -> Recording:
    """Open a run file for reading. Use it in a `with` statement, or close it.

    A run whose events or summary were altered after it was scored has `altered` set, and causes a UserWarning.

    Args:
        run: A run file, a folder (its newest run) or an id in ./runs; None means the newest in ./runs.

    Raises:
        ConfigError: There is no such run.
        SchemaError: The file is not a run file.
    """
    file = Recording.open(_found(run))
    if file.altered:
        warnings.warn(f"{file.path} {ALTERED}", stacklevel=2)
    return file


def open_ablation(folder: str | Path) -> Results:
    """Return the runs in an ablation's folder, finished or not.

    Runs that were altered after they were scored have the status `failed`, are in `Results.altered`, and cause a
    UserWarning.

    Raises:
        ConfigError: It contains no readable `ablation.yaml`.
    """
    results = read_ablation(folder)
    for path in results.altered:
        warnings.warn(f"{path} {ALTERED}", stacklevel=2)
    return results


def _require_confirmed(scenarios: Sequence[Scenario], settings: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise ConfigError if a file names a server for live models that the user has not confirmed."""
    uses = [(scenario.live, name) for scenario in scenarios for name in scenario.models_used]
    require_confirmed(uses, [*confirmed_in_settings(settings), *allowed])


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
    gpus_per_run: float = 0.0,
    shard: str = "1/1",
    part: Part = "all",
    sandbox: SandboxMode = "strict",
    cache: bool = True,
    progress: bool = True,
    allow_base_urls: Sequence[str] = (),
) -> Results:
    """Execute the unfinished runs of an ablation and return the records of all runs, including failed ones.

    Args:
        ablation: An ablation, a YAML file or the name of a shipped ablation.
        settings: Overrides as for `--set`, such as `seeds=20`; only for a file or a name.
        out: Folder of the ablation; None means `ablations/NAME`, or with `seeds_from` `ablations/NAME-from-SEED`.
            Finished runs in it are kept.
        jobs: Number of parallel runs, each on one core; None means all cores.
        executor: `local` processes, or a `ray` cluster (needs the extra `ray`).
        gpus_per_run: GPUs of each run on a Ray cluster, such as 1 or 0.5; 0: runs see none.
        shard: `i/n` executes only the i-th of n equal shares of the runs.
        part: `comparison` executes no sensitivity settings, `sensitivity` only these.
        sandbox: Where methods run; `none` does not confine them.
        cache: Whether to reuse scores that other runs measured on the same worlds. The scores do not depend on it.
        progress: Whether to show progress on stderr.
        allow_base_urls: Servers that may get keys although a file names them, besides those in `settings`; also names
            of outside agents whose command may be started although a file names it.

    Raises:
        ConfigError: The ablation is invalid, its folder belongs to another ablation or is in use, or Ray is missing.
        ValueError: Settings are given for an Ablation, or `gpus_per_run` is invalid.
        SandboxUnavailable: This machine cannot run the sandbox.
        OSError: The folder cannot be written to any more. Finished runs are kept.
    """
    if isinstance(ablation, Ablation):
        if settings:
            raise ValueError("settings apply to files and names only; change the Ablation instead")
        plan = plan_of(ablation)
    else:
        plan = load_ablation(ablation, settings)
        _require_confirmed([run.scenario for run in (*plan.runs, *plan.sensitivity_runs)], settings, allow_base_urls)
    root = Path(out or f"ablations/{plan.folder_name}")
    console = Console(stderr=True, highlight=False, quiet=not progress)
    options = ExecutionOptions(jobs, executor, gpus_per_run, Shard.parse(shard), sandbox, cache, part)
    result = execute_ablation(
        plan, root, options, lambda state, jobs: AblationDisplay(state, console, jobs=jobs).live()
    )
    if result.status == "disk full":
        raise OSError(result.reason)
    return open_ablation(root)
