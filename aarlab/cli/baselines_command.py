"""`aarlab baselines`: what has to be beaten on a task."""

import csv
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    Status,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    print_json,
    sandbox_option,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from aarlab.config import Fault
    from aarlab.graph.task_choice import TaskChoice
    from aarlab.scenarios.task import Task
    from aarlab.tools.evaluator.method_comparison import MethodComparison
    from aarlab.tools.evaluator.results import MeanWithSE

Row = Mapping[str, Any]
"""A baseline as `--json` tells it: its name, title and family, and its figures or its error."""

_SORTINGS: Mapping[str, Callable[[Row], Any]] = {
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
    help="How many worlds, at least 2: the same ones for every baseline, and every time.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a parameter: `task.parameters.PARAMETER=VALUE`; repeatable.",
)
@sandbox_option
@click.option(
    "--sort", type=click.Choice(list(_SORTINGS)), default="pgr", show_default=True, help="Order of the table."
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the table to this CSV file, too.")
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
    """Run every shipped baseline on fresh worlds of TASK, and tell how much of the gap each recovers."""
    with exit_on_bad_input(as_json=as_json):
        chosen = _checked(task, settings, worlds, out)
    handle_sigterm()
    payload = _result(chosen, worlds, sandbox, sort, as_json=as_json)
    if as_json:
        print_json(payload)
    else:
        show_table(payload)
    if out is not None:
        _write(payload, out, as_json=as_json)


def _checked(task: str, settings: Sequence[str], worlds: int, out: Path | None) -> "TaskChoice":
    """Return the task with its parameters; ConfigError, with all that is wrong, where something is."""
    from aarlab.config import ConfigError, Fault
    from aarlab.config.errors import did_you_mean
    from aarlab.config.overrides import parse_overrides
    from aarlab.config.scenario_files import load_scenario
    from aarlab.scenarios.task_registry import task_names

    faults: list[Fault] = []
    if task not in (names := task_names()):
        faults.append(Fault("TASK", None, repr(task), ", ".join(names), did_you_mean(task, names)))
    if worlds < 2:
        faults.append(Fault(f"--worlds {worlds}", None, str(worlds), "2 or more, or there is no standard error"))
    faults += _csv_faults(out)
    faults += [
        Fault(
            override.given,
            ".".join(override.key),
            "a field that no baseline depends on",
            "task.parameters.PARAMETER=VALUE",
        )
        for override in parse_overrides(settings)
        if override.key[0] != "task"
    ]
    if faults:
        raise ConfigError(faults)
    return load_scenario(None, [f"task.name={task}", *settings]).task


def _csv_faults(out: Path | None) -> "list[Fault]":
    """Return what keeps the table from being written, without writing anything yet."""
    from aarlab.config import Fault

    if out is None:
        return []
    if out.is_dir():
        found = "a folder"
    elif not out.parent.is_dir():
        found = f"a file in {out.parent}, which is not a folder"
    elif not os.access(out if out.exists() else out.parent, os.W_OK):
        found = "a place that cannot be written to"
    else:
        return []
    return [Fault(f"--out {out}", None, found, "a file that can be written to")]


def _result(chosen: "TaskChoice", worlds: int, sandbox: SandboxMode, sort: str, *, as_json: bool) -> dict[str, Any]:
    """Return what `--json` prints, or leave with the reason why there is nothing to tell."""
    from aarlab.tools.evaluator.method_comparison import NoWorldsError
    from aarlab.tools.sandbox import SandboxUnavailable

    task = chosen.make()
    try:
        comparison = _compared(task, worlds, sandbox)
    except KeyboardInterrupt:
        click.echo("Stopped. There is no table: it would not have been of all the worlds.", err=True)
        _leave({"status": "stopped", "task": task.name}, Status.STOPPED, as_json=as_json)
    except (NoWorldsError, SandboxUnavailable) as error:
        click.echo(f"No baseline was scored: {error}", err=True)
        _leave({"status": "failed", "task": task.name, "error": str(error)}, Status.FAILED, as_json=as_json)
    rows = _rows(comparison)
    scored = [row for row in rows if row["error"] is None]
    failed = [row for row in rows if row["error"] is not None]
    return {
        "status": "done",
        "task": task.name,
        "parameters": dict(task.parameters),
        "sandbox": sandbox,
        "worlds": worlds,
        "weak_acc": _mean(comparison.weak_acc),
        "strong_acc": _mean(comparison.strong_acc),
        "baselines": [*sorted(scored, key=_SORTINGS[sort]), *failed],
    }


def _leave(payload: Mapping[str, Any], status: Status, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(payload)
    sys.exit(status)


def _compared(task: "Task", worlds: int, sandbox: SandboxMode) -> "MethodComparison":
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.scenarios import baselines as shipped
    from aarlab.tools.evaluator.method_comparison import compare_methods
    from aarlab.tools.sandbox import Sandbox

    codes = {name: baseline.code for name, baseline in shipped.load().items()}
    # The sandbox first: what cannot be had should be said before a person has waited for the pretraining.
    with Sandbox(sandbox) as box, DelayedProgressBar(stderr_console()) as progress_bar:
        task.prepare(progress_bar)
        return compare_methods(task, codes, box, worlds=worlds, progress=progress_bar)


def _rows(comparison: "MethodComparison") -> list[Row]:
    """Return a row for each baseline, sorted by name."""
    from aarlab.scenarios import baselines as shipped
    from aarlab.tools.evaluator.method_comparison import MethodResult

    rows: list[Row] = []
    for name, baseline in shipped.load().items():
        result = comparison.results[name]
        figures: dict[str, Any] = dict.fromkeys(("pgr", "se", "transfer_acc", "ms"))
        if isinstance(result, MethodResult):
            figures = {
                "pgr": round(result.pgr.mean, 4),
                "se": round(result.pgr.se, 4),
                "transfer_acc": round(result.transfer_acc, 4),
                "ms": round(result.ms, 1),
            }
        error = result if isinstance(result, str) else None
        rows.append({"name": name, "title": baseline.title, "family": baseline.family, **figures, "error": error})
    return rows


def _mean(mean: "MeanWithSE") -> dict[str, float]:
    return {"mean": round(mean.mean, 4), "se": round(mean.se, 4)}


def show_table(payload: Mapping[str, Any]) -> None:
    """Print what `--json` tells as a table, and below it the errors of those that failed."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.cli.formatting import pgr_text, printable

    console = stdout_console()
    weak, strong = (f"{payload[kind]['mean']:.3f} ± {payload[kind]['se']:.3f}" for kind in ("weak_acc", "strong_acc"))
    console.print(
        Text.assemble(
            (payload["task"], "bold cyan"),
            f" on {payload['worlds']} worlds: weak accuracy ",
            (weak, "bold"),
            ", strong ",
            (strong, "bold"),
        )
    )
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("baseline", style="cyan", no_wrap=True)
    table.add_column("PGR ± SE", justify="right", no_wrap=True)
    table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("what it does", style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in payload["baselines"]:
        if row["error"] is None:
            figures = (pgr_text(row["pgr"], row["se"]), f"{row['transfer_acc']:.3f}", f"{row['ms']:.0f}")
            table.add_row(row["name"], *figures, row["title"])
        else:
            table.add_row(row["name"], "–", "–", "–", Text("failed, see below", style="red"))
    console.print(table)
    for row in payload["baselines"]:
        if row["error"] is not None:
            console.print(Text(f"{row['name']} failed: {printable(row['error'])}", style="red"))


def _write(payload: Mapping[str, Any], out: Path, *, as_json: bool) -> None:
    """Write one line for each baseline; what holds for all of them is repeated, so that tables can be joined."""
    common = {"task": payload["task"], "worlds": payload["worlds"]}
    gap = {
        f"{kind}_{part}": payload[f"{kind}_acc"][figure]
        for kind in ("weak", "strong")
        for part, figure in (("acc", "mean"), ("se", "se"))
    }
    lines = [{**common, **row, **gap} for row in payload["baselines"]]
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    except OSError as error:
        click.echo(f"The table could not be written to {out}: {error.strerror or error}", err=True)
        sys.exit(Status.FAILED)
    if not as_json:
        stdout_console().print(f"Written to {out}.", markup=False, soft_wrap=True)
