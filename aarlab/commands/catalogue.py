"""`aarlab tasks` and `aarlab models`: what can be named in a scenario."""

import rich_click as click

from aarlab.commands.shared import json_option, print_json, stdout_console


@click.command()
@json_option
def tasks(as_json: bool) -> None:
    """List the tasks, with their difficulty knobs."""
    from aarlab.scenarios.registry import TASKS

    if as_json:
        listed = [{"name": task.name, "about": task.about, "knobs": dict(task.knobs)} for task in TASKS.values()]
        print_json({"tasks": listed})
        return
    from rich.padding import Padding
    from rich.text import Text

    console = stdout_console()
    for task in TASKS.values():
        console.print(Text(task.name, style="bold cyan"))
        console.print(Padding(Text(task.about.strip()), (0, 0, 0, 2)))
        knobs = ", ".join(f"{name} {value}" for name, value in task.knobs.items())
        console.print(Padding(Text(f"knobs: {knobs}", style="dim"), (0, 0, 1, 2)))
    console.print("Choose one with [bold]--set task=NAME[/], turn a knob with [bold]--set task.knobs.KNOB=VALUE[/].")


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the base models that agents can think with."""
    from aarlab.agents.models.registry import MODELS

    if as_json:
        listed = [{"name": model.name, "about": model.about, "needs": model.needs} for model in MODELS.values()]
        print_json({"models": listed})
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("model", style="bold cyan", no_wrap=True)
    table.add_column("what it is")
    table.add_column("needs")
    for model in MODELS.values():
        table.add_row(model.name, model.about, model.needs)
    console = stdout_console()
    console.print(table)
    console.print("Choose one with [bold]--set team.model=NAME[/] or [bold]--set team.reviewer=NAME[/].")
