"""`aarlab replay`: a run happens again from its tape, and is compared with it."""

import sys
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    Status,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    print_chunked,
    print_json,
    recorded_sandbox_option,
    stderr_console,
    stdout_console,
    task_file_option,
)
from aarlab.cli.run_common import load_recorded_run, require_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from aarlab.graph.run.replay import Replayed


@click.command()
@click.argument("run", required=False)
@click.option(
    "--tools",
    type=click.Choice(["tape", "live"]),
    default="tape",
    show_default=True,
    help="Whether scores come from the tape, or experiments are run again and compared with it.",
)
@click.option("--step", is_flag=True, help="Then walk through it in the terminal, one step of an agent at a time.")
@task_file_option
@recorded_sandbox_option
@json_option
def replay(run: str | None, tools: str, step: bool, sandbox: SandboxMode | None, as_json: bool) -> None:
    """Let a run happen again from its tape, strictly, and say where it parts from what is recorded.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs. The
    finished graph runs again with the recorded answers of base models, which are not asked and need not be there. Every
    prompt, tool result, decision and finding must be what it was, to the byte. The file is not changed.

    With `--step` you can walk through it then: on and back, to a round, along one agent, into a tool call, and from a
    borrowed idea to where it came from.
    """
    with exit_on_bad_input(as_json=as_json):
        if step and as_json:
            from aarlab.config import ConfigError, Fault

            raise ConfigError([Fault("--step --json", None, "a walk that prints one object", "one of the two")])
        path, _, scenario = load_recorded_run(run, models_needed=False)
        if tools == "live":
            require_tasks(path, scenario)
    from aarlab.cli.divergence import divergence_json, divergence_text
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.graph.run.replay import replay_run
    from aarlab.memory.run_tape import Divergence
    from aarlab.tools.sandbox import SandboxUnavailable

    handle_sigterm()
    try:
        with exit_on_bad_input(as_json=as_json), DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            options: dict[str, Any] = {} if sandbox is None else {"sandbox": sandbox}
            done = replay_run(path, "live" if tools == "live" else "tape", progress=progress_bar, **options)
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
        click.echo("Stopped. The file is as it was.", err=True)
        sys.exit(Status.STOPPED)
    if as_json:
        print_json({"status": "differs" if done.differences else "same", "file": str(path), **_figures(done)})
    else:
        _print_result(done)
    if step:
        with exit_on_bad_input(as_json=as_json):
            _browse_steps(path)
    sys.exit(Status.FAILED if done.differences else Status.DONE)


def _browse_steps(path: "Path") -> None:
    """Let a person walk through the run, until they leave or there is nobody to ask."""
    from aarlab.cli.show.display_options import DisplayOptions
    from aarlab.cli.show.step_browser import StepBrowser
    from aarlab.memory.run_reader import RunReader

    console = stdout_console()
    with RunReader.open(path) as file:
        walk = StepBrowser(file, DisplayOptions(width=console.width))
        if not walk.has_steps:
            console.print("Nothing has happened in this run yet.")
            return
        seen = walk.here()
        while True:
            print_chunked(console, seen)
            try:
                command = console.input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                console.print()
                return
            if command in ("q", "quit"):
                return
            seen = walk.handle_command(command)


def _figures(done: "Replayed") -> dict[str, Any]:
    differences = [
        {
            "subject": d.subject,
            "panel": d.panel,
            "field": d.field,
            "recorded": str(d.recorded),
            "now": str(d.remeasured),
        }
        for d in done.differences
    ]
    return {
        "finished": done.finished,
        "events": done.events,
        "model_calls": done.calls,
        "digest": done.digest,
        "cpu_s": round(done.cpu_s, 3),
        "calls_per_cpu_s": round(done.calls / done.cpu_s) if done.cpu_s else None,
        "measured": done.n_remeasured,
        "differences": differences,
    }


def _print_result(done: "Replayed") -> None:
    from aarlab.cli.formatting import counted, printable

    console = stdout_console()
    end = "to its end" if done.finished else "up to where it was broken off"
    console.print(
        f"The same, {end}: {counted(done.events, 'event')} and {counted(done.calls, 'model call')}, "
        f"{done.calls / done.cpu_s:,.0f} calls a second of processor time.\ndigest  {done.digest}"
    )
    if done.n_remeasured:
        told = f"{counted(len(done.differences), 'difference')} in {counted(done.n_remeasured, 'score')} measured again"
        console.print(told, style="yellow" if done.differences else None)
    for difference in done.differences:
        console.print(
            f"  {difference.subject} ({difference.panel}), {difference.field}\n"
            f"    on tape  {printable(str(difference.recorded))}\n    now      {printable(str(difference.remeasured))}",
            markup=False,
        )
