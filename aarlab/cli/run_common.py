"""What the commands have in common that let a run happen: `run`, `resume` and `fork`."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import SandboxMode, Status, refuse, stderr_console, stdout_console

if TYPE_CHECKING:
    from aarlab.graph.scenario import Scenario
    from aarlab.memory.run_info import RunInfo
    from aarlab.memory.run_reader import RunReader


def check_models(scenario: "Scenario", *, as_json: bool) -> None:
    """Refuse base models that lack what they need; say where others go than to their provider, and what it may cost."""
    from aarlab.cli.formatting import printable, without_credentials
    from aarlab.config import Fault

    models = [scenario.live.model(name) for name in scenario.models_used]
    lacking = [(model.name, missing) for model in models if (missing := model.missing_requirement()) is not None]
    if lacking:
        refuse([Fault(name, None, missing, None) for name, missing in lacking], as_json=as_json)
    for model in models:
        if model.address is not None:
            click.echo(printable(f"{model.name} is asked at {without_credentials(model.address)}"), err=True)
    if any(model.price is None for model in models):
        from aarlab.cli.run_estimate import estimate_text

        click.echo(printable(estimate_text(scenario)), err=True)


def new_file(name: str, seed: int, folder: Path, *, as_json: bool) -> Path:
    """Return where a run goes, in a folder that is there."""
    from aarlab.config import Fault
    from aarlab.config.run_lookup import new_run_path

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"a place where no folder can be made ({error.strerror or error})"
        refuse([Fault(f"--out {folder}", None, found, "a folder that can be written to")], as_json=as_json)
    return new_run_path(folder, name, seed).resolve()


def load_recorded_run(name: str | None, *, models_needed: bool = True) -> "tuple[Path, RunInfo, Scenario]":
    """Return a run that a person means, what its file says of it, and how it was configured.

    Args:
        name: A run file, a folder or an id; None: the newest run in ./runs.
        asked: Whether its base models are going to be asked; else they need not be there.

    Raises:
        ConfigError: There is none, or it cannot happen again here.
    """
    from pydantic import ValidationError

    from aarlab.config import ConfigError, Fault
    from aarlab.config.run_lookup import find_run
    from aarlab.graph.run.segments import segments_of
    from aarlab.memory.run_file_errors import SchemaError
    from aarlab.memory.run_reader import RunReader

    path = find_run(name)
    try:
        with RunReader.open(path) as file:
            return path, file.info(), segments_of(file, models_needed=models_needed)[-1].scenario
    except SchemaError as error:
        raise ConfigError([Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")]) from None
    except ValidationError as error:
        faults = [
            Fault(str(path), ".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, "), None)
            for e in error.errors()
        ]
        raise ConfigError(faults) from None


def require_tasks(path: Path, scenario: "Scenario") -> None:
    """Raise ConfigError unless the tasks of a recorded scenario can be made here."""
    from aarlab.config import ConfigError, Fault

    for choice in (scenario.task, *scenario.transfer_tasks):
        try:
            choice.make()
        except ValueError as error:
            raise ConfigError([Fault(str(path), "task", str(error), None)]) from None


@contextmanager
def open_for_reading(name: str | None) -> "Iterator[RunReader]":
    """Open the run that a person means for reading. Raises ConfigError."""
    from aarlab.config import ConfigError, Fault
    from aarlab.config.run_lookup import find_run
    from aarlab.memory.run_file_errors import SchemaError
    from aarlab.memory.run_reader import RunReader

    path = find_run(name)
    try:
        with RunReader.open(path) as file:
            if not {"task", "team", "structure", "budget"} <= file.info().scenario.keys():
                raise SchemaError("its run is configured in a way that means nothing here")
            yield file
    except SchemaError as error:
        raise ConfigError([Fault(str(path), None, str(error), "a run file that `aarlab run` wrote")]) from None


def execute_run(
    execute: Callable[..., dict[str, Any]],
    scenario: "Scenario",
    path: Path,
    *,
    sandbox: SandboxMode | None,
    cache: bool,
    quiet: bool,
) -> dict[str, Any]:
    """Let a run happen to the end, and return its summary, or what can be said instead.

    `execute` is called with the means that it works with; without a sandbox named, it knows which.

    Raises:
        ConfigError: Another process is at work on the run.
    """
    from aarlab.agents.models.base import ModelError, ModelUnavailable
    from aarlab.cli.divergence import divergence_text
    from aarlab.cli.run_display import open_display
    from aarlab.config import ConfigError, Fault
    from aarlab.memory.file_lock import FileLocked
    from aarlab.memory.run_file_errors import SchemaError
    from aarlab.memory.run_tape import Divergence
    from aarlab.tools.sandbox import SandboxUnavailable

    partial_summary = {"run_id": path.stem, "file": str(path)}
    options: dict[str, Any] = {"cache": cache, **({} if sandbox is None else {"sandbox": sandbox})}
    try:
        if quiet:
            return execute(**options)
        with open_display(scenario, stderr_console()) as display:
            return execute(**options, listeners=[display.handle_event], progress=display.progress)
    except KeyboardInterrupt:
        _print_kept_work("Stopped.", path)
        return {**partial_summary, "status": "stopped"}
    except SchemaError:
        raise
    except FileLocked as error:
        raise ConfigError(
            [Fault(str(path), None, f"a run at work: {error}", "a run that nobody is at work on")]
        ) from None
    except ModelUnavailable as error:
        _print_kept_work(f"Stopped: {error}.", path)
        return {**partial_summary, "status": "stopped", "error": f"{type(error).__name__}: {error}"}
    except Divergence as error:
        click.echo(f"{divergence_text(error)}\n", err=True)
        click.echo("Code, prompts or versions have changed since it was recorded.", err=True)
        return {**partial_summary, "status": "failed", "error": f"{type(error).__name__}: {error}"}
    except Exception as error:
        if not isinstance(error, SandboxUnavailable | ModelError):
            traceback.print_exc()
        _print_kept_work(f"The run failed: {error}", path)
        return {**partial_summary, "status": "failed", "error": f"{type(error).__name__}: {error}"}


def status_of(summary: dict[str, Any]) -> Status:
    """Return the exit status of a run by its summary."""
    return {"done": Status.DONE, "stopped": Status.STOPPED}.get(summary["status"], Status.FAILED)


def _print_kept_work(story: str, path: Path) -> None:
    if not path.exists():
        click.echo(f"{story}\nNothing had been done yet.", err=True)
        return
    from aarlab.cli.run_summary import short_path

    kept = short_path(path)
    click.echo(f"{story}\nWhat was done is kept:", err=True)
    click.echo(f"  aarlab resume {kept}  # go on with it\n  aarlab show {kept}  # read it", err=True)


def print_summary(summary: dict[str, Any]) -> None:
    """Print what a run came to."""
    from rich.markup import escape

    from aarlab.cli.run_summary import summary_text
    from aarlab.memory.run_reader import RunReader

    console = stdout_console()
    for limit in summary["limits_reached"]:
        console.print(f"[bold yellow]Stopped early:[/] {escape(limit)}.")
    console.print()
    with RunReader.open(Path(summary["file"])) as file:
        console.print(summary_text(summary, file), crop=False)
