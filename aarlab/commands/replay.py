"""`aarlab replay`: a run happens again from its tape, and is compared with it."""

import sys
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.commands.shared import (
    SandboxMode,
    Status,
    bad_input_explained,
    json_option,
    print_json,
    print_parts,
    sandbox_as_before_option,
    stderr_console,
    stdout_console,
    stop_politely,
)
from aarlab.commands.work import recorded_run

if TYPE_CHECKING:
    from pathlib import Path

    from aarlab.graph.replay import Replayed


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
@sandbox_as_before_option
@json_option
def replay(run: str | None, tools: str, step: bool, sandbox: SandboxMode | None, as_json: bool) -> None:
    """Let a run happen again from its tape, strictly, and say where it parts from what is recorded.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs. The
    whole graph runs again with the recorded answers of base models, which are not asked and need not be there. Every
    prompt, tool result, decision and finding must be what it was, to the byte. The file is not changed.

    With `--step` you can walk through it then: on and back, to a round, along one agent, into a tool call, and from a
    borrowed idea to where it came from.
    """
    with bad_input_explained(as_json=as_json):
        if step and as_json:
            from aarlab.config import ConfigError, Fault

            raise ConfigError([Fault("--step --json", None, "a walk that prints one object", "one of the two")])
        path, _, _ = recorded_run(run, asked=False)
    from aarlab.divergence import divergence_json, divergence_text
    from aarlab.graph.replay import replay_run
    from aarlab.memory.tape import Divergence
    from aarlab.tools.sandbox import SandboxUnavailable
    from aarlab.waiting import Waiting

    stop_politely()
    try:
        with bad_input_explained(as_json=as_json), Waiting(stderr_console(), patience_s=1.0) as waiting:
            means: dict[str, Any] = {} if sandbox is None else {"sandbox": sandbox}
            done = replay_run(path, "live" if tools == "live" else "tape", progress=waiting, **means)
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
        _tell(done)
    if step:
        with bad_input_explained(as_json=as_json):
            _walk(path)
    sys.exit(Status.FAILED if done.differences else Status.DONE)


def _walk(path: "Path") -> None:
    """Let a person walk through the run, until they leave or there is nobody to ask."""
    from aarlab.memory.runfile import RunFile
    from aarlab.show.reading import Reading
    from aarlab.show.walk import Walk

    console = stdout_console()
    with RunFile.read(path) as file:
        walk = Walk(file, Reading(width=console.width))
        if not walk.anywhere:
            console.print("Nothing has happened in this run yet.")
            return
        seen = walk.here()
        while True:
            print_parts(console, seen)
            try:
                command = console.input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                console.print()
                return
            if command in ("q", "quit"):
                return
            seen = walk.obey(command)


def _figures(done: "Replayed") -> dict[str, Any]:
    differences = [
        {"subject": d.subject, "panel": d.panel, "field": d.field, "on_tape": str(d.then), "now": str(d.now)}
        for d in done.differences
    ]
    return {
        "whole": done.whole,
        "events": done.events,
        "model_calls": done.calls,
        "digest": done.digest,
        "cpu_s": round(done.cpu_s, 3),
        "calls_per_cpu_s": round(done.calls / done.cpu_s) if done.cpu_s else None,
        "measured": done.measured,
        "differences": differences,
    }


def _tell(done: "Replayed") -> None:
    from aarlab.wording import counted, printable

    console = stdout_console()
    end = "to its end" if done.whole else "up to where it was broken off"
    console.print(
        f"The same, {end}: {counted(done.events, 'event')} and {counted(done.calls, 'model call')}, "
        f"{done.calls / done.cpu_s:,.0f} calls a second of processor time.\ndigest  {done.digest}"
    )
    if done.measured:
        told = f"{counted(len(done.differences), 'difference')} in {counted(done.measured, 'score')} measured again"
        console.print(told, style="yellow" if done.differences else None)
    for difference in done.differences:
        console.print(
            f"  {difference.subject} ({difference.panel}), {difference.field}\n"
            f"    on tape  {printable(str(difference.then))}\n    now      {printable(str(difference.now))}",
            markup=False,
        )
