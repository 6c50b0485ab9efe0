"""Execution of a run for `run`, `resume`, `fork` and `replay`: checks before it, progress during it, its result."""

import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import rich_click as click
from pydantic import ValidationError
from rich.markup import escape

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ModelError, ModelUnavailable
from aarlab.cli.command_hints import CommandHint, print_hints, short_path
from aarlab.cli.divergence import divergence_text
from aarlab.cli.formatting import printable, without_credentials
from aarlab.cli.open_questions import question_json, question_lines
from aarlab.cli.options import Command
from aarlab.cli.output import Status, exit_on_bad_input, print_json, print_note, refuse, stderr_console, stdout_console
from aarlab.cli.recorded_run import schema_errors_as_faults
from aarlab.cli.run_display import open_display
from aarlab.cli.run_estimate import estimate_text
from aarlab.cli.run_summary import summary_text
from aarlab.config import ConfigError, Fault
from aarlab.config.address_checks import (
    confirmed_in_settings,
    unconfirmed_agent_fault,
    unconfirmed_agents,
    unconfirmed_fault,
    unconfirmed_hosts,
)
from aarlab.config.run_lookup import find_run, new_run_path
from aarlab.graph.calls.inbox_call import WaitingForAnswer
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.flow.people_instructions import RunPaused
from aarlab.graph.run.segments import segments_of
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import TaskChoice
from aarlab.memory.disk_full import is_disk_full
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.instructions import open_questions
from aarlab.memory.run_file_errors import RunAlreadyFinished, SchemaError
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.prepared_data import UnusableData
from aarlab.scenarios.task_files import load_task_file
from aarlab.scenarios.task_registry import UnusableTask
from aarlab.scenarios.tasks.world_builder import NoGapError
from aarlab.tools.evaluator.laboratory_secret import LaboratorySecretError
from aarlab.tools.sandbox import SandboxMode, SandboxUnavailable


def task_file_option(command: Command) -> Command:
    """Add `--task-file`. The files are executed before the command opens the run."""

    def load(context: click.Context, option: click.Parameter, paths: tuple[Path, ...]) -> None:
        for path in paths:
            try:
                load_task_file(path)
            except UnusableTask as error:
                fault = Fault(f"--task-file {path}", None, str(error), "a Python file that defines one task")
                refuse([fault], as_json=bool(context.params.get("as_json")))

    return click.option(
        "--task-file",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        callback=load,
        expose_value=False,
        help="Python file that defines the task of the run, unchanged since the run was recorded. It is executed; the "
        "code in the run file is not. Required for tasks that come from a file. Repeatable.",
    )(command)


def confirm_addresses(
    uses: Iterable[tuple[LiveSettings, str]], settings: Sequence[str], allowed_hosts: Sequence[str], *, as_json: bool
) -> None:
    """Ask whether keys may be sent to servers, and commands started, that a file names; without permission, exit.

    Args:
        uses: Live settings, each with the name of a base model that is called with them.
        settings: Overrides that the user has typed. Addresses and commands in them are confirmed.
        allowed_hosts: Hosts of `--allow-base-url` and agents of `--allow-agent`.
        as_json: Whether faults are also printed as JSON; then there is no question.
    """
    uses = list(uses)
    with exit_on_bad_input(as_json=as_json):
        confirmed = [*confirmed_in_settings(settings), *allowed_hosts]
        hosts, agents = unconfirmed_hosts(uses, confirmed), unconfirmed_agents(uses, confirmed)
    questions = [
        (f"{name} is to be called at {host}, which a file names. Send your key there?", unconfirmed_fault(host, name))
        for host, name in hosts.items()
    ]
    questions += [
        (f"{name} is the command `{command}`, which a file names. Start it?", unconfirmed_agent_fault(name, command))
        for name, command in agents.items()
    ]
    # A stream that was closed before the start is None.
    terminal = not as_json and all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    for question, fault in questions:
        if not (terminal and _confirmed(question)):
            refuse([fault], as_json=as_json)


def _confirmed(question: str) -> bool:
    """Return whether the user answers yes. The end of the input and Ctrl-C are a no."""
    try:
        return click.confirm(printable(question), err=True)
    except click.Abort:
        return False


def check_models(
    scenario: Scenario, *, settings: Sequence[str] = (), allowed_hosts: Sequence[str] = (), as_json: bool
) -> None:
    """Exit if a requirement of a base model is missing, or if a server is not confirmed (see `confirm_addresses`).

    Print custom addresses and the estimated cost of the run.
    """
    confirm_addresses(
        [(scenario.live, name) for name in scenario.models_used], settings, allowed_hosts, as_json=as_json
    )
    models = [scenario.live.model(name) for name in scenario.models_used]
    missing = [
        (model.name, requirement) for model in models if (requirement := model.missing_requirement()) is not None
    ]
    if missing:
        refuse([Fault(name, None, requirement, None) for name, requirement in missing], as_json=as_json)
    for model in models:
        if model.address is not None:
            print_note(f"{model.name} is called at {without_credentials(model.address)}")
    for name in scenario.models_used:
        if (agent := scenario.live.model_settings(name).outside_agent) is not None:
            print_note(f"{name} {agent.about}")
    if any(model.price is None for model in models):
        print_note(estimate_text(scenario))


def require_gap(choices: Iterable[TaskChoice]) -> None:
    """Raise ConfigError if a task has no gap between its weak teacher and its strong student.

    Only tasks of the user, and tasks with parameters that are not the default, are tried, on one world. Tasks that
    fine-tune a model are not, because this takes long.
    """
    for choice in choices:
        task = choice.make()
        shipped = type(task).__module__.startswith("aarlab.scenarios.") and task == type(task)()
        if shipped or task.fine_tunes or task.single_world:
            continue
        try:
            with stderr_console().status(f"drawing a world of {task.name}"):
                task.world(0)
        except NoGapError as error:
            raise ConfigError([Fault("scenario", "task", str(error), None, f"aarlab tasks {task.name}")]) from None


def new_file(name: str, seed: int, folder: Path, *, as_json: bool) -> Path:
    """Return the path of a new run file, and create its folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the folder cannot be created ({error.strerror or error})"
        refuse([Fault(f"--out {folder}", None, problem, "a writable folder")], as_json=as_json)
    return new_run_path(folder, name, seed).resolve()


def load_recorded_run(name: str | None, *, models_needed: bool = True) -> tuple[Path, RunInfo, Scenario]:
    """Return the path of a run, its information and its scenario.

    Args:
        name: A run file, a folder or an id; None means the newest run in ./runs.
        models_needed: Whether the base models of the run must be available here.

    Raises:
        ConfigError: There is no such run, or it cannot be executed here.
    """
    path = find_run(name)
    try:
        with schema_errors_as_faults(path), RunReader.open(path) as file:
            return path, file.info(), segments_of(file, models_needed=models_needed)[-1].scenario
    except ValidationError as error:
        faults = [
            Fault(str(path), ".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, "), None)
            for e in error.errors()
        ]
        raise ConfigError(faults) from None


def note_other_sandbox(info: RunInfo, sandbox: SandboxMode) -> None:
    """Print a note if methods run in another sandbox mode than the recorded one, which a file cannot choose."""
    if info.sandbox not in (None, sandbox):
        note = f"the run was recorded with --sandbox {info.sandbox}; its methods now run with --sandbox {sandbox}"
        print_note(f"! {note}")


def require_tasks(path: Path, scenario: Scenario) -> None:
    """Raise ConfigError unless the tasks of a recorded scenario can be made here."""
    for choice in (scenario.task, *scenario.transfer_tasks):
        try:
            choice.make()
        except ValueError as error:
            raise ConfigError([Fault(str(path), "task", str(error), None)]) from None


def execute_run(
    execute: Callable[..., dict[str, Any]],
    scenario: Scenario,
    path: Path,
    *,
    sandbox: SandboxMode,
    scheduler: Scheduler,
    cache: bool,
    quiet: bool,
) -> dict[str, Any]:
    """Execute a run and return its summary; if it fails or is stopped, return its status, file and error instead.

    Args:
        execute: Executes the run, given the run options as keyword arguments.
        scenario: The scenario that the progress display shows.
        path: The run file.
        sandbox: Where methods run.
        scheduler: What executes the graphs.
        cache: Whether scores that other runs measured are used.
        quiet: Whether to show no progress.

    Raises:
        ConfigError: Another process writes to the run file, or has finished the run; or the secret of the laboratory
            is needed and missing.
        SchemaError: The run file is damaged.
    """
    options: dict[str, Any] = {"cache": cache, "sandbox": sandbox, "scheduler": scheduler}

    def ended(status: str, error: BaseException) -> dict[str, Any]:
        return {**unscored, "status": status, "error": redacted(f"{type(error).__name__}: {error}")}

    unscored = {"run_id": path.stem, "file": str(path)}
    try:
        if quiet:
            return execute(**options)
        with open_display(scenario, stderr_console()) as display:
            return execute(**options, listeners=[display.handle_event], progress=display.progress)
    except KeyboardInterrupt:
        _print_kept_work("Stopped.", path, sandbox)
        return {**unscored, "status": "stopped"}
    except WaitingForAnswer:
        return {**unscored, "status": "waiting", "questions": _print_questions(path)}
    except RunPaused as error:
        _print_kept_work(f"{str(error).capitalize()}.", path, sandbox)
        return ended("stopped", error)
    except SchemaError:
        raise
    except LaboratorySecretError as error:
        raise ConfigError([Fault(str(path), "scoring.secret", str(error), None)]) from None
    except FileLocked as error:
        raise ConfigError([Fault(str(path), None, str(error), "a run that no other process writes to")]) from None
    except (ModelUnavailable, UnusableModel, UnusableData) as error:
        _print_kept_work(f"Stopped: {redacted(str(error))}.", path, sandbox)
        return ended("stopped", error)
    except NoGapError as error:
        print_note(f"The run failed: {error}.")
        return ended("failed", error)
    except RunAlreadyFinished as error:
        raise ConfigError([finished_run_fault(path, str(error))]) from None
    except Divergence as error:
        click.echo(f"{divergence_text(error)}\n", err=True)
        click.echo("Code, prompts or package versions have changed since the run was recorded.", err=True)
        return ended("failed", error)
    except Exception as error:
        if is_disk_full(error):
            reason = f"Stopped: the disk is full or cannot be written to ({error}). Free some space."
            _print_kept_work(reason, path, sandbox)
            return ended("stopped", error)
        if not isinstance(error, SandboxUnavailable | ModelError):
            click.echo(redacted(traceback.format_exc()), err=True)
        _print_kept_work(f"The run failed: {redacted(str(error))}", path, sandbox)
        return ended("failed", error)


def _print_kept_work(reason: str, path: Path, sandbox: SandboxMode) -> None:
    if not path.exists():
        print_note(f"{reason}\nNothing was recorded yet.")
        return
    run = short_path(path)
    mode = () if sandbox == "strict" else ("--sandbox", sandbox)
    print_note(f"{reason}\nAll finished work is in the run file.")
    hints = CommandHint(("aarlab", "resume", run, *mode), "continue"), CommandHint(("aarlab", "show", run), "read")
    print_hints(stderr_console(), *hints)


def _print_questions(path: Path) -> list[dict[str, Any]]:
    """Print what a run asks and how to answer, and return it as JSON."""
    with RunReader.open(path) as file:
        waiting = open_questions(file)
    console = stderr_console()
    console.print("The run waits for a person. All finished work is in the run file.")
    for question in waiting:
        for line in question_lines(path, question):
            console.print(line, crop=False)
    print_hints(console, CommandHint(("aarlab", "resume", short_path(path)), "continue after the answer"))
    return [question_json(path, question) for question in waiting]


def finished_run_fault(path: Path, problem: str) -> Fault:
    """Return the fault of resuming a finished run."""
    fix = f"continue it from one of its rounds: aarlab fork {shlex.quote(str(path))} --round ROUND"
    return Fault(str(path), None, problem, "an interrupted run", fix)


def status_of(summary: dict[str, Any]) -> Status:
    """Return the exit status of a run, given its summary."""
    statuses = {"done": Status.DONE, "stopped": Status.STOPPED, "waiting": Status.WAITING}
    return statuses.get(summary["status"], Status.FAILED)


def print_result(summary: dict[str, Any], *, as_json: bool) -> None:
    """Print a summary: as JSON, or as text if the run was closed."""
    if as_json:
        print_json(summary)
    elif "digest" in summary:
        print_summary(summary)


def print_summary(summary: dict[str, Any]) -> None:
    """Print the summary of a closed run as text."""
    console = stdout_console()
    for limit in summary["limits_reached"]:
        console.print(f"[bold yellow]Stopped early:[/] {escape(limit)}.")
    console.print()
    with RunReader.open(Path(summary["file"])) as file:
        console.print(summary_text(summary, file), crop=False)
