"""`aarlab doctor`: whether this machine can run a team, and what to do where it cannot."""

import sys
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import Status, json_option, print_json, stderr_console, stdout_console

if TYPE_CHECKING:
    from rich.table import Table

    from aarlab.cli.machine_report import FolderStatus, MachineReport


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Examine this machine: the sandbox layer by layer, versions, folders and keys.

    Exit status: 0 where a run in the strict sandbox can work, 1 where it cannot.
    """
    from aarlab.cli.machine_report import check_machine
    from aarlab.cli.progress_bar import DelayedProgressBar

    with DelayedProgressBar(stderr_console()) as progress_bar:
        health = check_machine(progress_bar)
    if as_json:
        print_json(_machine_json(health))
    else:
        _show(health)
    sys.exit(Status.FAILED if health.problems else Status.DONE)


def _machine_json(health: "MachineReport") -> dict[str, Any]:
    return {
        "ready": not health.problems,
        "problems": health.problems,
        "layers": [
            {"name": layer.name, "on": layer.available, "reason": layer.reason, "remedy": layer.remedy}
            for layer in health.layers
        ],
        "docker": {"on": health.docker_problem is None, "engine": health.engine, "problem": health.docker_problem},
        "system": health.system,
        "versions": dict(health.versions),
        "cores": health.cores,
        "cache": _folder_told(health.cache),
        "runs": _folder_told(health.runs),
        "keys": dict(health.keys),
    }


def _folder_told(folder: "FolderStatus") -> dict[str, Any]:
    return {
        "path": str(folder.path),
        "files": folder.files,
        "bytes": folder.size,
        "writable": folder.problem is None,
        "problem": folder.problem,
    }


def _show(health: "MachineReport") -> None:
    from rich.text import Text

    console = stdout_console()
    console.print(_layers(health))
    console.print(_rest(health))
    console.print()
    if health.problems:
        console.print(Text("A strict run cannot work here.", style="bold red"))
        for problem in health.problems:
            console.print(Text(f"  {problem}"))
    else:
        console.print("[bold green]A strict run can work here.[/] Begin with [bold]aarlab run[/].")


def _layers(health: "MachineReport") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("sandbox layer", style="bold cyan", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what it does here, or why it is off")
    for layer in health.layers:
        # A strict sandbox that starts does without what is off.
        state = ("on", "green") if layer.available else ("off", "red" if health.sandbox_problem else "yellow")
        reason = Text(layer.reason)
        if layer.remedy:
            reason.append(f"\nremedy: {layer.remedy}", "dim")
        table.add_row(layer.name, Text(*state), reason)
    return table


def _rest(health: "MachineReport") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from aarlab.cli.formatting import counted

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("strict sandbox", "does not start" if health.sandbox_problem else "starts and runs a job")
    grid.add_row("docker sandbox", Text(health.docker_problem or f"starts and runs a job, with {health.engine}"))
    grid.add_row("system", f"{health.system}, {counted(health.cores, 'core')}")
    versions = [f"{name} {found or 'missing'}" for name, found in health.versions.items()]
    grid.add_row("versions", Text(", ".join(versions)))
    grid.add_row("cache", Text(_folder_text(health.cache)))
    grid.add_row("runs", Text(_folder_text(health.runs)))
    keys = [f"{name} {'set' if there else 'not set'}" for name, there in health.keys.items()]
    grid.add_row("keys", Text(", ".join(keys) or "no base model here asks for one"))
    return grid


def _folder_text(folder: "FolderStatus") -> str:
    from aarlab.cli.formatting import counted, printable

    kept = f"{counted(folder.files, 'file')}, {folder.size / 1e6:.1f} MB" if folder.files else "nothing yet"
    return printable(f"{folder.path}: {kept}, {folder.problem or 'writable'}")
