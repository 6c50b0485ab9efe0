"""`aarlab tasks`: the tasks, the gap to recover in each, and the cost of an experiment."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rich_click as click
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from aarlab.cli.options import json_option, sandbox_option
from aarlab.cli.output import exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, labelled_rows, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.config.type_descriptions import type_text
from aarlab.graph.scenario import Scoring, StepCosts
from aarlab.graph.task_choice import TaskChoice
from aarlab.scenarios import baselines
from aarlab.scenarios.task import Progress
from aarlab.scenarios.task_registry import UnknownTask, UnusableTask, make_task, name_conflicts, task_names
from aarlab.scenarios.task_room import TaskRoom, recorded_room
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.tools.evaluator.method_comparison import compare_methods
from aarlab.tools.evaluator.results import MeanWithSE
from aarlab.tools.evaluator.run_evaluator import Evaluator
from aarlab.tools.sandbox import Sandbox, SandboxMode, SandboxUnavailable


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


@click.command()
@click.argument("name", metavar="[TASK]", required=False)
@sandbox_option
@json_option
def tasks(name: str | None, sandbox: SandboxMode, as_json: bool) -> None:
    """List the tasks, or show one task and its parameters.

    TASK is a name, or a Python file that defines a task; the file is executed. The gap to recover and the time of an
    experiment are measured on this machine, on a few worlds of each task.
    """
    with exit_on_bad_input(as_json=as_json):
        selected = _selected_tasks(name)
    for conflict in name_conflicts():
        click.echo(conflict, err=True)
    worlds = Scoring().full_worlds
    entries = _measured_tasks(selected, worlds, sandbox)
    hours = StepCosts().model_dump(include={"smoke", "pilot", "full"})
    if as_json:
        listed = [_task_json(task, entries.get(task.name)) for task in selected]
        print_json({"tasks": listed, "worlds": worlds, "sandbox": sandbox, "research_hours": hours})
        return
    console = stdout_console()
    console.print(
        _tasks_table(selected, entries) if name is None else _task_details(selected[0], entries.get(selected[0].name))
    )
    costs = ", ".join(f"{fidelity} {cost:g}" for fidelity, cost in hours.items())
    console.print(f"Time: a full experiment with vanilla training on {worlds} worlds, on this machine.")
    console.print(f"In a run an experiment costs research hours by its fidelity: {costs}.")
    if name is None:
        console.print("Show a task with [bold]aarlab tasks TASK[/], select it with [bold]--set task=TASK[/].")
    else:
        console.print("Set a parameter with [bold]--set task.parameters.PARAMETER=VALUE[/].")


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


def _measured_tasks(selected: Sequence[SeededTask], worlds: int, sandbox: SandboxMode) -> dict[str, CatalogueEntry]:
    """Return the measurements by task; none, after printing why, if the sandbox is not available."""
    try:
        with DelayedProgressBar(stderr_console(), delay_s=2.0) as progress_bar:
            return measure_tasks(selected, worlds=worlds, progress=progress_bar, sandbox=sandbox)
    except SandboxUnavailable as error:
        click.echo(f"Nothing was measured: {error}", err=True)
        return {}


def measure_tasks(
    tasks: Sequence[SeededTask], *, worlds: int, progress: Progress, sandbox: SandboxMode
) -> dict[str, CatalogueEntry]:
    """Return measurements of each task by name, from one full experiment on `worlds` worlds.

    Raises:
        SandboxUnavailable: This machine cannot run the sandbox.
    """
    entries = {}
    with Sandbox(sandbox) as box:
        for number, task in enumerate(tasks):
            task.prepare(progress)
            progress("measuring", number / len(tasks))
            comparison = compare_methods(task, {}, box, worlds=worlds)
            milliseconds = _experiment_ms(task, box, worlds)
            entries[task.name] = CatalogueEntry(comparison.weak_acc, comparison.strong_acc, milliseconds)
    return entries


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


def _task_json(task: SeededTask, entry: CatalogueEntry | None) -> dict[str, Any]:
    measured: dict[str, Any] = dict.fromkeys(("weak_acc", "strong_acc", "gap", "experiment_ms"))
    if entry is not None:
        measured = {
            "weak_acc": _mean_json(entry.weak_acc),
            "strong_acc": _mean_json(entry.strong_acc),
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
    return {**described, **measured, "room": None if room is None else room.model_dump()}


def _mean_json(mean: MeanWithSE) -> dict[str, float]:
    return {"mean": round(mean.mean, 4), "se": round(mean.se, 4)}


def _measurements(entry: CatalogueEntry | None) -> dict[str, str]:
    """Return the measurements as text, by heading."""
    if entry is None:
        return dict.fromkeys(("weak accuracy", "strong accuracy", "gap", "time"), "–")
    weak, strong = (f"{mean.mean:.3f} ± {mean.se:.3f}" for mean in (entry.weak_acc, entry.strong_acc))
    time_text = f"{entry.experiment_ms:.0f} ms"
    return {"weak accuracy": weak, "strong accuracy": strong, "gap": f"{entry.gap:.3f}", "time": time_text}


def _tasks_table(selected: Sequence[SeededTask], entries: Mapping[str, CatalogueEntry]) -> RenderableType:
    headings = [number_column(heading) for heading in _measurements(None)]
    table = data_table(name_column("task"), *headings, Column("an item is", style="dim"))
    for task in selected:
        item = task.about.partition(";")[0].removeprefix("An item is ")
        table.add_row(task.name, *_measurements(entries.get(task.name)).values(), item)
    return table


def _task_details(task: SeededTask, entry: CatalogueEntry | None) -> RenderableType:
    table = data_table(name_column("parameter"), number_column("default"), "range", "meaning")
    for row in _parameters(task):
        table.add_row(*row)
    head = Text(task.name, style="bold cyan")
    parts: list[RenderableType] = [head, Text(task.about), Text(), labelled_rows(_measurements(entry)), table]
    room = recorded_room(task)
    if room is not None:
        parts += [Text("\nRecorded by benchmarks/task_room.py, as mean PGR:"), labelled_rows(_room_rows(room))]
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
