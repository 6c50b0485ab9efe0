"""`aarlab tasks`: what there is to research."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.commands.shared import (
    SandboxMode,
    json_option,
    print_json,
    refuse,
    sandbox_option,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aarlab.comparison import Mean
    from aarlab.scenarios.task import Task
    from aarlab.survey import Survey


@click.command()
@click.argument("name", metavar="[TASK]", required=False)
@sandbox_option
@json_option
def tasks(name: str | None, sandbox: SandboxMode, as_json: bool) -> None:
    """List the tasks, with the gap to recover and the cost of an experiment; or show one TASK and its knobs.

    Gap and cost are measured here and now, on a few worlds.
    """
    from aarlab.config import Fault
    from aarlab.config.faults import did_you_mean
    from aarlab.graph.scenario import Costs, Scoring
    from aarlab.scenarios.registry import TASKS

    if name is not None and name not in TASKS:
        refuse([Fault("TASK", None, repr(name), ", ".join(TASKS), did_you_mean(name, TASKS))], as_json=as_json)
    chosen = [task for task in TASKS.values() if name in (None, task.name)]
    worlds = Scoring().full_worlds
    surveys = _surveyed(chosen, worlds, sandbox)
    hours = Costs().model_dump(include={"smoke", "pilot", "full"})
    if as_json:
        listed = [_told(task, surveys.get(task.name)) for task in chosen]
        print_json({"tasks": listed, "worlds": worlds, "sandbox": sandbox, "research_hours": hours})
        return
    console = stdout_console()
    console.print(_table(chosen, surveys) if name is None else _portrait(chosen[0], surveys.get(name)))
    prices = ", ".join(f"{fidelity} {price:g}" for fidelity, price in hours.items())
    console.print(f"The experiment: a full one, vanilla training on {worlds} worlds, timed on this machine.")
    console.print(f"In a run, experiments take research hours by their fidelity: {prices}.")
    if name is None:
        console.print("See one in full with [bold]aarlab tasks TASK[/], choose it with [bold]--set task=TASK[/].")
    else:
        console.print("Turn a knob with [bold]--set task.knobs.KNOB=VALUE[/].")


def _surveyed(chosen: "Sequence[Task]", worlds: int, sandbox: SandboxMode) -> "dict[str, Survey]":
    """Return what the tasks are like; nothing where no experiment can be done, after having said why."""
    from aarlab.survey import survey
    from aarlab.tools.sandbox import SandboxUnavailable
    from aarlab.waiting import Waiting

    try:
        with Waiting(stderr_console(), patience_s=2.0) as waiting:
            return survey(chosen, worlds=worlds, progress=waiting, sandbox=sandbox)
    except SandboxUnavailable as error:
        click.echo(f"Nothing was measured: {error}", err=True)
        return {}


def _told(task: "Task", survey: "Survey | None") -> dict[str, Any]:
    from aarlab.knobs import meanings

    measured: dict[str, Any] = dict.fromkeys(("weak_acc", "strong_acc", "gap", "experiment_ms"))
    if survey is not None:
        measured = {
            "weak_acc": _mean(survey.weak_acc),
            "strong_acc": _mean(survey.strong_acc),
            "gap": round(survey.gap, 4),
            "experiment_ms": round(survey.experiment_ms),
        }
    described = {"name": task.name, "about": task.about, "knobs": dict(task.knobs), "meanings": dict(meanings(task))}
    return {**described, **measured}


def _mean(mean: "Mean") -> dict[str, float]:
    return {"mean": round(mean.mean, 4), "se": round(mean.se, 4)}


def _figures(survey: "Survey | None") -> dict[str, str]:
    """Return what was measured, in words, by what it is."""
    if survey is None:
        return dict.fromkeys(("weak", "ceiling", "gap", "experiment"), "–")
    weak, ceiling = (f"{mean.mean:.3f} ± {mean.se:.3f}" for mean in (survey.weak_acc, survey.strong_acc))
    cost = f"{survey.experiment_ms:.0f} ms"
    return {"weak": weak, "ceiling": ceiling, "gap": f"{survey.gap:.3f}", "experiment": cost}


def _table(chosen: "Sequence[Task]", surveys: "Mapping[str, Survey]") -> "RenderableType":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    table.add_column("task", style="bold cyan", no_wrap=True)
    for heading in _figures(None):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("an item is", style="dim")
    for task in chosen:
        idea = task.about.partition(";")[0].removeprefix("An item is ")
        table.add_row(task.name, *_figures(surveys.get(task.name)).values(), idea)
    return table


def _portrait(task: "Task", survey: "Survey | None") -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from aarlab.knobs import meanings

    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="dim")
    for what, figure in _figures(survey).items():
        figures.add_row(what, figure)
    knobs = Table(box=box.SIMPLE, header_style="dim", pad_edge=False)
    knobs.add_column("knob", style="bold cyan", no_wrap=True)
    knobs.add_column("default", justify="right", no_wrap=True)
    knobs.add_column("what it is")
    about = meanings(task)
    for knob, value in task.knobs.items():
        knobs.add_row(knob, str(value), about[knob])
    return Group(Text(task.name, style="bold cyan"), Text(task.about), Text(), figures, knobs)
