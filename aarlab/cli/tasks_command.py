"""`aarlab tasks`: the tasks, the gap to recover in each, and the cost of an experiment."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rich_click as click
from rich.console import Console, Group, RenderableType
from rich.table import Column
from rich.text import Text

from aarlab.cli.new_task_command import new_task_file
from aarlab.cli.options import json_option, sandbox_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, print_note, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.room_output import print_measured_room, room_json
from aarlab.cli.tables import data_table, labelled_rows, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.config.type_descriptions import type_text
from aarlab.graph.scenario import Scoring, StepCosts
from aarlab.graph.task_choice import TaskChoice
from aarlab.measured_room import MeasuredRoom, measure_room
from aarlab.scenarios import baselines
from aarlab.scenarios.task import Progress
from aarlab.scenarios.task_registry import UnknownTask, UnusableTask, make_task, name_conflicts, task_names
from aarlab.scenarios.task_room import TaskRoom, recorded_room
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.tools.evaluator.method_comparison import NoWorldsError, compare_methods
from aarlab.tools.evaluator.results import MeanWithSE
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox, SandboxMode, SandboxUnavailable

RECIPES = 60
"""Random recipes by default."""
ROOM_WORLDS = 4
"""Development worlds on which methods and recipes are scored."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """Measurements of a task on a few of its worlds."""

    weak_acc: MeanWithSE
    strong_acc: MeanWithSE
    experiment_ms: float
    """Wall-clock milliseconds of a full experiment with vanilla training on all cores, including the controls with
    shuffled labels.
    """

    @property
    def gap(self) -> float:
        """The gap to recover: strong accuracy minus accuracy of the weak teacher."""
        return self.strong_acc.mean - self.weak_acc.mean


class TasksGroup(click.RichGroup):
    """A group in which `aarlab tasks [TASK]` is short for `aarlab tasks show [TASK]`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `show` if the arguments begin with no subcommand."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=TasksGroup, context_settings={"help_option_names": ["-h", "--help"]})
def tasks() -> None:
    """List the tasks, show and measure one, or write a new one.

    `aarlab tasks` lists the tasks. `aarlab tasks TASK` shows and measures one; TASK is a name, or a Python file that
    defines a task.
    `aarlab tasks new CSV --text COLUMN --label COLUMN` writes a task file for texts and labels of your own.
    """


tasks.add_command(new_task_file)


@tasks.command("show")
@click.argument("name", metavar="[TASK]", required=False)
@click.option(
    "--recipes",
    type=click.IntRange(min=0),
    metavar="N",
    help="Random recipes to measure how much there is to find, 0 for none. Default: 60 for a task without recorded "
    "figures.",
)
@sandbox_option
@json_option
def show_tasks(name: str | None, recipes: int | None, sandbox: SandboxMode, as_json: bool) -> None:
    """List the tasks, or show and measure one.

    TASK is a name, or a Python file that defines a task; the file is executed. The list has recorded figures. For a
    single task, the gap to recover and the time of an experiment are measured on this machine, on a few worlds. For one
    without recorded figures, the shipped methods and random recipes are scored, too, and warnings say what makes
    results hard to interpret.
    """
    with exit_on_bad_input(as_json=as_json):
        selected = _selected_tasks(name)
    for conflict in name_conflicts():
        click.echo(conflict, err=True)
    if name is None:
        _list_tasks(selected, as_json)
        return
    (task,) = selected
    worlds = Scoring().full_worlds
    try:
        entry = _measured_task(task, worlds, sandbox)
        room = _measured_room(task, recipes)
    except NoWorldsError as error:
        print_note(f"Nothing was measured: {error}.")
        sys.exit(Status.FAILED)
    if as_json:
        listed = [_task_json(task, entry, room)]
        print_json({"tasks": listed, "worlds": worlds, "sandbox": sandbox, "research_hours": _research_hours()})
        return
    console = stdout_console()
    console.print(_task_details(task, entry))
    print_measured_room(console, room)
    console.print(f"Time: a full experiment with vanilla training on {worlds} worlds, on this machine.")
    _print_costs(console)
    console.print("Set a parameter with [bold]--set task.parameters.PARAMETER=VALUE[/].")


def _list_tasks(tasks: Sequence[SeededTask], as_json: bool) -> None:
    """Print all tasks with their recorded figures."""
    if as_json:
        listed = [_task_json(task, None, None) for task in tasks]
        print_json({"tasks": listed, "research_hours": _research_hours()})
        return
    console = stdout_console()
    console.print(_tasks_table(tasks))
    console.print("Accuracies of the weak teacher and of the strong student trained on true labels, as recorded.")
    _print_costs(console)
    console.print("Show and measure a task with [bold]aarlab tasks TASK[/], select it with [bold]--set task=TASK[/].")


def _research_hours() -> dict[str, float]:
    """Return the research hours of an experiment by fidelity."""
    return StepCosts().model_dump(include={"smoke", "pilot", "full"})


def _print_costs(console: Console) -> None:
    costs = ", ".join(f"{fidelity} {cost:g}" for fidelity, cost in _research_hours().items())
    console.print(f"In a run an experiment costs research hours by its fidelity: {costs}.")


def _measured_room(task: SeededTask, recipes: int | None) -> MeasuredRoom | None:
    """Return the measured room of a task; None for a search problem, for recorded figures, or if data are missing."""
    count = (0 if recorded_room(task) else RECIPES) if recipes is None else recipes
    if task.single_world or count == 0 or task.problem(shifted=False):
        return None
    with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
        return measure_room(task, recipes=count, worlds=ROOM_WORLDS, progress=progress_bar)


def _selected_tasks(name: str | None) -> list[SeededTask]:
    """Return the task with a name or from a file; all tasks for None. Raises ConfigError."""
    names = task_names()
    try:
        if name is not None and name.endswith(".py"):
            return [TaskChoice.from_file(name).make()]
        return [make_task(task) for task in (names if name is None else [name])]
    except UnknownTask:
        fix = did_you_mean(str(name), names)
        raise ConfigError([Fault("TASK", None, f"unknown task {name!r}", ", ".join(names), fix)]) from None
    except UnusableTask as error:
        raise ConfigError([Fault("TASK", None, str(error), "a task as described in docs/tasks.md")]) from None


def _measured_task(task: SeededTask, worlds: int, sandbox: SandboxMode) -> CatalogueEntry | None:
    """Return the measurements of a task; None, after printing why, if the sandbox is not available."""
    try:
        with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
            return measure_task(task, worlds=worlds, progress=progress_bar, sandbox=sandbox)
    except SandboxUnavailable as error:
        print_note(f"Nothing was measured: {error}.")
        return None


def measure_task(task: SeededTask, *, worlds: int, progress: Progress, sandbox: SandboxMode) -> CatalogueEntry | None:
    """Return measurements of a task from one full experiment on `worlds` worlds; None if it needs data of the user.

    Raises:
        SandboxUnavailable: This machine cannot run the sandbox.
    """
    if task.problem(shifted=False):
        return None
    task.prepare(progress)
    with Sandbox(sandbox) as box:
        progress("measuring", 0.0)
        comparison = compare_methods(task, {}, box, worlds=worlds)
        milliseconds = _experiment_ms(task, box, worlds)
    return CatalogueEntry(comparison.weak_acc, comparison.strong_acc, milliseconds)


def _experiment_ms(task: SeededTask, sandbox: Sandbox, worlds: int) -> float:
    vanilla = baselines.load()["vanilla_soft"].code
    with Evaluator(task, sandbox, run_seed=0, full_worlds=worlds) as evaluator:
        started = time.monotonic()
        asyncio.run(evaluator.run_experiment(vanilla, "full", name="survey"))
        return 1000 * (time.monotonic() - started)


def _parameters(task: SeededTask) -> list[tuple[str, str, str, str]]:
    """Return name, default, range and description of each parameter."""
    return [
        (
            name,
            str(field.default),
            type_text(field.annotation, field.metadata),
            " ".join((field.description or "").split()),
        )
        for name, field in type(task).model_fields.items()
    ]


def _task_json(task: SeededTask, entry: CatalogueEntry | None, measured_room: MeasuredRoom | None) -> dict[str, Any]:
    measured: dict[str, Any] = dict.fromkeys(("weak_acc", "strong_acc", "gap", "experiment_ms"))
    if entry is not None:
        measured = {
            "weak_acc": entry.weak_acc.to_json(),
            "strong_acc": entry.strong_acc.to_json(),
            "gap": round(entry.gap, 4),
            "experiment_ms": round(entry.experiment_ms),
        }
    described = {
        "name": task.name,
        "about": task.about,
        "parameters": dict(task.parameters),
        "parameter_descriptions": {
            parameter: {"range": valid, "description": description}
            for parameter, _, valid, description in _parameters(task)
        },
    }
    room = recorded_room(task)
    return {**described, **measured, "room": None if room is None else room.model_dump(), **room_json(measured_room)}


def _measurements(entry: CatalogueEntry | None) -> dict[str, str]:
    """Return the measurements as text, by heading."""
    if entry is None:
        return dict.fromkeys(("weak accuracy", "strong accuracy", "gap", "time"), "–")
    weak, strong = (f"{mean.mean:.3f} ± {mean.se:.3f}" for mean in (entry.weak_acc, entry.strong_acc))
    time_text = f"{entry.experiment_ms:.0f} ms"
    return {"weak accuracy": weak, "strong accuracy": strong, "gap": f"{entry.gap:.3f}", "time": time_text}


def _tasks_table(tasks: Sequence[SeededTask]) -> RenderableType:
    headings = [number_column(heading) for heading in ("weak accuracy", "strong accuracy", "gap")]
    table = data_table(name_column("task"), *headings, Column("an item is", style="dim"))
    for task in tasks:
        room = recorded_room(task)
        figures = () if room is None else (room.weak_acc, room.strong_acc, room.strong_acc - room.weak_acc)
        item = task.about.partition(";")[0].removeprefix("An item is ")
        table.add_row(task.name, *([f"{figure:.3f}" for figure in figures] or ["–"] * 3), item)
    return table


def _task_details(task: SeededTask, entry: CatalogueEntry | None) -> RenderableType:
    table = data_table(name_column("parameter"), number_column("default"), "range", "meaning")
    for row in _parameters(task):
        table.add_row(*row)
    head = Text(task.name, style="bold cyan")
    parts: list[RenderableType] = [head, Text(task.about), Text(), labelled_rows(_measurements(entry)), table]
    room = recorded_room(task)
    if room is not None:
        text = f"Mean PGR on {room.worlds} worlds, by benchmarks/task_room.py. Best values are overestimated:"
        parts += [Text(f"\n{text}"), labelled_rows(_room_rows(room))]
    return Group(*parts)


def _room_rows(room: TaskRoom) -> dict[str, str]:
    """Return the recorded figures as text, by heading. They do not name the best recipe's steps."""
    steps = len(room.best_known)
    return {
        "published methods": ", ".join(f"{name} {pgr:.2f}" for name, pgr in room.published.items()),
        "best of the library": f"{room.library.pgr:.2f} ({room.library.name})",
        "best single operator": f"{room.single.pgr:.2f}",
        f"best of {room.random_recipes} random recipes": f"{room.random_best:.2f}, median {room.random_median:.2f}",
        "best known": f"{room.best_pgr:.2f} with {steps} steps",
        "on held-out worlds": f"{room.best_heldout:.2f} ± {room.best_heldout_se:.2f}",
        "without one of its steps": f"{min(room.without.values()):.2f} to {max(room.without.values()):.2f}",
        "with shuffled weak labels": f"{room.best_shuffled:.2f}; guessing: {room.chance:.2f}",
        "on shifted worlds": f"{room.best_shifted:.2f}",
    }
