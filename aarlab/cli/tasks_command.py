"""`aarlab tasks`: list, show and measure tasks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    exit_on_bad_input,
    json_option,
    print_json,
    sandbox_option,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aarlab.cli.task_catalogue import CatalogueEntry
    from aarlab.scenarios.tasks.seeded_task import SeededTask
    from aarlab.tools.evaluator.results import MeanWithSE


@click.command()
@click.argument("name", metavar="[TASK]", required=False)
@sandbox_option
@json_option
def tasks(name: str | None, sandbox: SandboxMode, as_json: bool) -> None:
    """List the tasks, with the gap to recover and the cost of an experiment; or show one TASK and its parameters.

    TASK is a name, or a Python file that defines a task, which is then executed. Gap and cost are measured on a few
    worlds.
    """
    from aarlab.graph.scenario import Scoring, StepCosts
    from aarlab.scenarios.task_registry import name_conflicts

    with exit_on_bad_input(as_json=as_json):
        chosen = _chosen(name)
    for conflict in name_conflicts():
        click.echo(conflict, err=True)
    worlds = Scoring().full_worlds
    entries = _measured_tasks(chosen, worlds, sandbox)
    hours = StepCosts().model_dump(include={"smoke", "pilot", "full"})
    if as_json:
        listed = [_task_json(task, entries.get(task.name)) for task in chosen]
        print_json({"tasks": listed, "worlds": worlds, "sandbox": sandbox, "research_hours": hours})
        return
    console = stdout_console()
    console.print(_table(chosen, entries) if name is None else _task_details(chosen[0], entries.get(chosen[0].name)))
    prices = ", ".join(f"{fidelity} {price:g}" for fidelity, price in hours.items())
    console.print(
        f"experiment: wall-clock time of a full experiment, vanilla training on {worlds} worlds, on this machine."
    )
    console.print(f"Research hours of an experiment in a run, by fidelity: {prices}.")
    if name is None:
        console.print("Show one task with [bold]aarlab tasks TASK[/]; choose it with [bold]--set task=TASK[/].")
    else:
        console.print("Set a parameter with [bold]--set task.parameters.PARAMETER=VALUE[/].")


def _chosen(name: str | None) -> "list[SeededTask]":
    """Return the task of a name or a file, or all tasks. Raises ConfigError."""
    from aarlab.config import ConfigError, Fault
    from aarlab.config.errors import did_you_mean
    from aarlab.graph.task_choice import TaskChoice
    from aarlab.scenarios.task_registry import UnknownTask, UnusableTask, make_task, task_names

    names = task_names()
    try:
        if name is not None and name.endswith(".py"):
            return [TaskChoice.from_file(name).make()]
        return [make_task(each) for each in (names if name is None else [name])]
    except UnknownTask:
        raise ConfigError([Fault("TASK", None, repr(name), ", ".join(names), did_you_mean(str(name), names))]) from None
    except UnusableTask as error:
        raise ConfigError([Fault("TASK", None, str(error), "a task as docs/tasks.md describes it")]) from None


def _measured_tasks(chosen: "Sequence[SeededTask]", worlds: int, sandbox: SandboxMode) -> "dict[str, CatalogueEntry]":
    """Return the measurements of the tasks by name; if no experiment can run, print why and return none."""
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.cli.task_catalogue import measure_tasks
    from aarlab.tools.sandbox import SandboxUnavailable

    try:
        with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
            return measure_tasks(chosen, worlds=worlds, progress=progress_bar, sandbox=sandbox)
    except SandboxUnavailable as error:
        click.echo(f"The tasks were not measured: {error}", err=True)
        return {}


def _task_json(task: "SeededTask", entry: "CatalogueEntry | None") -> dict[str, Any]:
    measured: dict[str, Any] = dict.fromkeys(("weak_acc", "strong_acc", "gap", "experiment_ms"))
    if entry is not None:
        measured = {
            "weak_acc": _mean(entry.weak_acc),
            "strong_acc": _mean(entry.strong_acc),
            "gap": round(entry.gap, 4),
            "experiment_ms": round(entry.experiment_ms),
        }
    described = {
        "name": task.name,
        "about": task.about,
        "parameters": dict(task.parameters),
        "parameter_descriptions": {
            parameter: {"range": allowed, "description": description}
            for parameter, _, allowed, description in _parameters(task)
        },
    }
    return {**described, **measured}


def _mean(mean: "MeanWithSE") -> dict[str, float]:
    return {"mean": round(mean.mean, 4), "se": round(mean.se, 4)}


def _figures(entry: "CatalogueEntry | None") -> dict[str, str]:
    """Return the measurements as text, by heading."""
    if entry is None:
        return dict.fromkeys(("weak", "strong", "gap", "experiment"), "–")
    weak, strong = (f"{mean.mean:.3f} ± {mean.se:.3f}" for mean in (entry.weak_acc, entry.strong_acc))
    cost = f"{entry.experiment_ms:.0f} ms"
    return {"weak": weak, "strong": strong, "gap": f"{entry.gap:.3f}", "experiment": cost}


def _table(chosen: "Sequence[SeededTask]", entries: "Mapping[str, CatalogueEntry]") -> "RenderableType":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("task", style="bold cyan", no_wrap=True)
    for heading in _figures(None):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("an item is", style="dim")
    for task in chosen:
        idea = task.about.partition(";")[0].removeprefix("An item is ")
        table.add_row(task.name, *_figures(entries.get(task.name)).values(), idea)
    return table


def _parameters(task: "SeededTask") -> list[tuple[str, str, str, str]]:
    """Return name, default, range and description of each parameter."""
    from aarlab.config.type_descriptions import type_text

    return [
        (
            name,
            str(field.default),
            type_text(field.annotation, field.metadata),
            " ".join((field.description or "").split()),
        )
        for name, field in type(task).model_fields.items()
    ]


def _task_details(task: "SeededTask", entry: "CatalogueEntry | None") -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="dim")
    for what, figure in _figures(entry).items():
        figures.add_row(what, figure)
    parameters = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    parameters.add_column("parameter", style="bold cyan", no_wrap=True)
    parameters.add_column("default", justify="right", no_wrap=True)
    parameters.add_column("range")
    parameters.add_column("meaning")
    for row in _parameters(task):
        parameters.add_row(*row)
    return Group(Text(task.name, style="bold cyan"), Text(task.about), Text(), figures, parameters)
