"""`aarlab baselines`: score every shipped baseline on a task."""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import rich_click as click
from rich.table import Column
from rich.text import Text

from aarlab.cli.formatting import pgr_text, printable
from aarlab.cli.options import json_option, sandbox_option
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    output_faults,
    print_json,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.errors import did_you_mean
from aarlab.config.overrides import parse_overrides
from aarlab.config.scenario_files import load_scenario
from aarlab.export.csv_cells import safe_cell
from aarlab.graph.run.measure_registry import REFERENCES
from aarlab.graph.scenario import StepCosts
from aarlab.graph.task_choice import TaskChoice
from aarlab.scenarios import baselines as shipped
from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.task import Task
from aarlab.scenarios.task_registry import task_class, task_names
from aarlab.tools.evaluator.method_comparison import MethodComparison, MethodResult, NoWorldsError, compare_methods
from aarlab.tools.sandbox import Sandbox, SandboxMode, SandboxUnavailable

Row = Mapping[str, Any]
"""A baseline in the output of `--json`: name, title, family, whether it is published, and its scores or its error."""

_SORT_KEYS: Mapping[str, Callable[[Row], Any]] = {
    "pgr": lambda row: -row["pgr"],
    "ms": lambda row: row["ms"],
    "name": lambda row: row["name"],
}


@click.command()
@click.argument("task")
@click.option(
    "--worlds",
    type=int,
    metavar="N",
    default=20,
    show_default=True,
    help="Number of worlds, at least 2. Every baseline and every call uses the same worlds.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a parameter: `task.parameters.PARAMETER=VALUE`. Repeatable.",
)
@sandbox_option
@click.option(
    "--sort", type=click.Choice(list(_SORT_KEYS)), default="pgr", show_default=True, help="Order of the table."
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Also write the table to this .csv file.")
@json_option
def baselines(
    task: str,
    worlds: int,
    settings: tuple[str, ...],
    sandbox: SandboxMode,
    sort: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score every shipped baseline on a task.

    TASK is a name, or a Python file that defines a task; the file is executed. Each baseline runs on the same fresh
    worlds of TASK. Its score is the share of the performance gap that it recovers
    (PGR). Below the table are the two reference lines of every run: the best of the published methods, and the best of
    all methods with the research hours that it takes to find it.
    """
    with exit_on_bad_input(as_json=as_json):
        choice = _task_choice(task, settings, worlds, out)
    payload = _result(choice, worlds, sandbox, sort, as_json=as_json)
    if as_json:
        print_json(payload)
    else:
        show_table(payload)
    if out is not None:
        _write(payload, out, as_json=as_json)


def _task_choice(task: str, settings: Sequence[str], worlds: int, out: Path | None) -> TaskChoice:
    """Return the task with its parameters. Raises ConfigError with all faults of the input."""
    faults: list[Fault] = []
    is_file = task.endswith(".py")
    if not is_file and task not in (names := task_names()):
        faults.append(Fault("TASK", None, f"unknown task {task!r}", ", ".join(names), did_you_mean(task, names)))
    elif not is_file and task_class(task).single_world:
        problem = f"{task} is a search problem on one landscape, so no method is known for it"
        faults.append(Fault("TASK", None, problem, "a task of weak-to-strong supervision"))
    if worlds < 2:
        faults.append(Fault(f"--worlds {worlds}", None, "fewer than 2 worlds give no standard error", "2 or more"))
    if out is not None:
        faults += output_faults(out, ".csv")
    faults += [
        Fault(
            override.given,
            ".".join(override.key),
            "baselines depend on the task only",
            "task.parameters.PARAMETER=VALUE",
        )
        for override in parse_overrides(settings)
        if override.key[0] != "task"
    ]
    if faults:
        raise ConfigError(faults)
    shown = [f"task.{'path' if is_file else 'name'}={task}", *settings, "scoring.shifted_worlds=0"]
    return load_scenario(None, shown).task


def _result(choice: TaskChoice, worlds: int, sandbox: SandboxMode, sort: str, *, as_json: bool) -> dict[str, Any]:
    """Return what `--json` prints; exit if there are no scores."""
    task = choice.make()
    try:
        methods = shipped.opening_methods("library", fine_tunes=choice.fine_tunes)
        comparison = _comparison(task, methods, worlds, sandbox)
    except KeyboardInterrupt:
        click.echo("Stopped. No table is printed, as scores on fewer worlds are not comparable.", err=True)
        _exit({"status": "stopped", "task": task.name}, Status.STOPPED, as_json=as_json)
    except (NoWorldsError, SandboxUnavailable, UnusableModel) as error:
        click.echo(f"No baseline was scored: {error}", err=True)
        _exit({"status": "failed", "task": task.name, "error": str(error)}, Status.FAILED, as_json=as_json)
    rows = _rows(comparison, methods)
    scored = [row for row in rows if row["error"] is None]
    failed = [row for row in rows if row["error"] is not None]
    return {
        "status": "done",
        "task": task.name,
        "parameters": dict(task.parameters),
        "sandbox": sandbox,
        "worlds": worlds,
        "weak_acc": comparison.weak_acc.to_json(),
        "strong_acc": comparison.strong_acc.to_json(),
        "references": _references(scored, len(methods)),
        "baselines": [*sorted(scored, key=_SORT_KEYS[sort]), *failed],
    }


def _references(scored: Sequence[Row], library: int) -> dict[str, dict[str, Any]]:
    """Return the best published method and the best of all, with the research hours of trying each of them once."""
    published = [row for row in scored if row["published"]]
    n_methods = {"published": len(shipped.PUBLISHED), "library": library}
    best = {
        name: max(rows, key=lambda row: row["pgr"])
        for name, rows in (("published", published), ("library", scored))
        if rows
    }
    return {
        name: {
            "name": row["name"],
            "pgr": row["pgr"],
            "se": row["se"],
            "methods": n_methods[name],
            "hours": n_methods[name] * StepCosts().full,
        }
        for name, row in best.items()
    }


def _exit(payload: Mapping[str, Any], status: Status, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(payload)
    sys.exit(status)


def _comparison(
    task: Task, methods: Mapping[str, shipped.Baseline], worlds: int, sandbox: SandboxMode
) -> MethodComparison:
    codes = {name: baseline.code for name, baseline in methods.items()}
    # The sandbox starts first, so that its failure is reported before the slow pretraining.
    with Sandbox(sandbox) as box, DelayedProgressBar(stderr_console()) as progress_bar:
        task.prepare(progress_bar)
        return compare_methods(task, codes, box, worlds=worlds, progress=progress_bar)


def _rows(comparison: MethodComparison, methods: Mapping[str, shipped.Baseline]) -> list[Row]:
    """Return one row for each baseline, sorted by name."""
    rows: list[Row] = []
    for name, baseline in methods.items():
        result = comparison.results[name]
        scores: dict[str, Any] = dict.fromkeys(("pgr", "se", "transfer_acc", "ms"))
        if isinstance(result, MethodResult):
            scores = {
                "pgr": round(result.pgr.mean, 4),
                "se": round(result.pgr.se, 4),
                "transfer_acc": round(result.transfer_acc, 4),
                "ms": round(result.ms, 1),
            }
        error = result if isinstance(result, str) else None
        published = name in shipped.PUBLISHED
        about = {"name": name, "title": baseline.title, "family": baseline.family, "published": published}
        rows.append({**about, **scores, "error": error})
    return rows


def show_table(payload: Mapping[str, Any]) -> None:
    """Print the payload of `--json` as a table, with the errors of failed baselines below it."""
    console = stdout_console()
    weak, strong = (f"{payload[kind]['mean']:.3f} ± {payload[kind]['se']:.3f}" for kind in ("weak_acc", "strong_acc"))
    console.print(
        Text.assemble(
            (payload["task"], "bold cyan"),
            f" on {payload['worlds']} worlds: weak accuracy ",
            (weak, "bold"),
            ", strong accuracy ",
            (strong, "bold"),
        )
    )
    table = data_table(
        name_column("baseline"),
        *(number_column(heading) for heading in ("PGR ± SE", "accuracy", "ms")),
        Column("method", style="dim", no_wrap=True, overflow="ellipsis", ratio=1),
        expand=True,
    )
    for row in payload["baselines"]:
        if row["error"] is None:
            scores = (pgr_text(row["pgr"], row["se"]), f"{row['transfer_acc']:.3f}", f"{row['ms']:.0f}")
            table.add_row(row["name"], *scores, row["title"])
        else:
            table.add_row(row["name"], "–", "–", "–", Text("failed, see below", style="red"))
    console.print(table)
    for name, best in payload["references"].items():
        console.print(
            f"The {REFERENCES[name]} is {best['name']}, {pgr_text(best['pgr'], best['se'])}; a full experiment for "
            f"each of {best['methods']} methods takes {best['hours']:g} research hours.",
            highlight=False,
        )
    for row in payload["baselines"]:
        if row["error"] is not None:
            console.print(Text(f"{row['name']} failed: {printable(row['error'])}", style="red"))


def _write(payload: Mapping[str, Any], out: Path, *, as_json: bool) -> None:
    """Write one line for each baseline. Each line repeats the task's columns, so that tables can be concatenated."""
    common = {"task": payload["task"], "worlds": payload["worlds"]}
    gap = {
        f"{kind}_{part}": payload[f"{kind}_acc"][statistic]
        for kind in ("weak", "strong")
        for part, statistic in (("acc", "mean"), ("se", "se"))
    }
    lines = [{**common, **row, **gap} for row in payload["baselines"]]
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows({name: safe_cell(cell) for name, cell in line.items()} for line in lines)
    except OSError as error:
        click.echo(f"The table could not be written to {out}: {error.strerror or error}", err=True)
        sys.exit(Status.FAILED)
    if not as_json:
        stdout_console().print(f"Wrote {out}.", markup=False, soft_wrap=True)
