"""`aarlab replay`: replay a run from its recording and compare every event."""

import sys
from pathlib import Path
from typing import Any, Literal

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.divergence import divergence_json, divergence_text
from aarlab.cli.formatting import counted, printable
from aarlab.cli.options import json_option, sandbox_option, scheduler_option
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    print_chunked,
    print_json,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.recorded_run import schema_errors_as_faults, warn_if_altered
from aarlab.cli.run_execution import load_recorded_run, note_other_sandbox, require_tasks, task_file_option
from aarlab.cli.show.display_options import DisplayOptions
from aarlab.cli.show.step_browser import StepBrowser
from aarlab.config import ConfigError, Fault
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.replay import ReplayResult, replay_run
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.tools.evaluator.laboratory_secret import LaboratorySecretError
from aarlab.tools.sandbox import SandboxMode, SandboxUnavailable


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option(
    "--tools",
    type=click.Choice(["tape", "live"]),
    default="tape",
    show_default=True,
    help="Source of scores: `tape` uses the recorded scores; `live` runs every experiment again and compares.",
)
@click.option(
    "--step", is_flag=True, help="After the replay, browse the run in the terminal, one step of an agent at a time."
)
@sandbox_option
@scheduler_option
@task_file_option
@json_option
def replay(
    run: str | None,
    tools: Literal["tape", "live"],
    step: bool,
    sandbox: SandboxMode,
    scheduler: Scheduler,
    as_json: bool,
) -> None:
    """Replay a run from its recording and compare every event.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    The graph is executed again with the recorded model replies; base models are not called and need not be available.
    Every prompt, tool result, decision and finding must equal the recorded one byte for byte. The run file is not
    changed.

    With `--step` the terminal then shows one step at a time. Commands move forward and back, go to a round, follow one
    agent, open a tool call, and jump from a borrowed idea to its finding.
    """
    with exit_on_bad_input(as_json=as_json):
        if step and as_json:
            raise ConfigError([Fault("--step --json", None, "--step cannot be combined with --json", "one of them")])
        path, info, scenario = load_recorded_run(run, models_needed=False)
        with schema_errors_as_faults(path), RunReader.open(path) as file:
            altered = warn_if_altered(file)
        if tools == "live":
            require_tasks(path, scenario)
            note_other_sandbox(info, sandbox)
    replayed = _replay_or_exit(path, tools, sandbox, scheduler, as_json=as_json)
    if as_json:
        status = "differs" if replayed.differences else "same"
        print_json({"status": status, "file": str(path), "altered": altered, **_replay_json(replayed)})
    else:
        _print_replay(replayed)
        if outside := [name for name in scenario.models_used if name.startswith("agent/")]:
            note = "their tool calls are compared; what they did between the calls is not recorded and not repeated"
            stdout_console().print(f"Outside agents ({', '.join(outside)}): {note}.", markup=False)
    if step:
        with exit_on_bad_input(as_json=as_json):
            _browse_steps(path)
    sys.exit(Status.FAILED if replayed.differences else Status.DONE)


def _replay_or_exit(
    path: Path, tools: Literal["tape", "live"], sandbox: SandboxMode, scheduler: Scheduler, *, as_json: bool
) -> ReplayResult:
    """Replay the run and return the comparison. If it diverges or cannot be executed, print why and exit."""
    try:
        with exit_on_bad_input(as_json=as_json), DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            try:
                return replay_run(path, tools, progress=progress_bar, sandbox=sandbox, scheduler=scheduler)
            except LaboratorySecretError as error:
                raise ConfigError([Fault(str(path), "scoring.secret", str(error), None)]) from None
    except Divergence as error:
        if as_json:
            print_json({"status": "diverged", "file": str(path), **divergence_json(error)})
        else:
            click.echo(divergence_text(error))
        sys.exit(Status.FAILED)
    except SandboxUnavailable as error:
        click.echo(f"{error}", err=True)
        sys.exit(Status.FAILED)
    except KeyboardInterrupt:
        click.echo("Stopped. The run file is unchanged.", err=True)
        sys.exit(Status.STOPPED)


def _browse_steps(path: Path) -> None:
    """Read commands and show steps until the user quits or the input ends."""
    console = stdout_console()
    with RunReader.open(path) as file:
        browser = StepBrowser(file, DisplayOptions(width=console.width))
        if not browser.has_steps:
            console.print("This run has no events yet.")
            return
        page = browser.current_step()
        while True:
            print_chunked(console, page)
            try:
                command = console.input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                console.print()
                return
            if command in ("q", "quit"):
                return
            page = browser.handle_command(command)


def _replay_json(replayed: ReplayResult) -> dict[str, Any]:
    differences = [
        {
            "subject": difference.subject,
            "panel": difference.panel,
            "field": difference.field,
            "recorded": str(difference.recorded),
            "remeasured": str(difference.remeasured),
        }
        for difference in replayed.differences
    ]
    return {
        "finished": replayed.finished,
        "events": replayed.events,
        "model_calls": replayed.calls,
        "digest": replayed.digest,
        "cpu_s": round(replayed.cpu_s, 3),
        "calls_per_cpu_s": round(replayed.calls / replayed.cpu_s) if replayed.cpu_s else None,
        "n_scores_remeasured": replayed.n_remeasured,
        "differences": differences,
    }


def _print_replay(replayed: ReplayResult) -> None:
    console = stdout_console()
    extent = "complete run" if replayed.finished else "interrupted run, up to its last event"
    console.print(
        f"The replay equals the recorded run ({extent}): {counted(replayed.events, 'event')}, "
        f"{counted(replayed.calls, 'model call')}, {replayed.calls / replayed.cpu_s:,.0f} calls per CPU second.\n"
        f"digest  {replayed.digest}"
    )
    if replayed.n_remeasured:
        n_differences = counted(len(replayed.differences), "difference")
        text = f"{counted(replayed.n_remeasured, 'score')} measured again, {n_differences}"
        console.print(text, style="yellow" if replayed.differences else None)
    for difference in replayed.differences:
        console.print(
            f"  {difference.subject} ({difference.panel}), {difference.field}\n"
            f"    recorded  {printable(str(difference.recorded))}\n"
            f"    measured  {printable(str(difference.remeasured))}",
            markup=False,
        )
