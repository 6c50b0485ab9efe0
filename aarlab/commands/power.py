"""`aarlab power`: how many seeds it takes to see a difference, and what so many seeds can show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from aarlab.commands.shared import (
    bad_input_explained,
    json_option,
    print_json,
    stderr_console,
    stdout_console,
)


@click.command()
@click.argument("source", metavar="FILE_OR_DIR")
@click.option(
    "--difference",
    type=float,
    default=0.05,
    show_default=True,
    metavar="D",
    help="The difference that is to be seen, in the primary measure.",
)
@json_option
def power(source: str, difference: float, as_json: bool) -> None:
    """Tell how many seeds a difference needs, and what the planned seeds can show.

    Given an ablation's folder (or any folder with runs), it goes by the spread over seeds that the runs have. Given an
    ablation's file, it assumes that runs spread by 0.1 in held-out PGR, as small teams of simulated researchers did.
    """
    from aarlab.config import ConfigError, Fault
    from aarlab.waiting import Waiting

    with bad_input_explained(as_json=as_json):
        if not 0 < abs(difference) < float("inf"):
            raise ConfigError([Fault(f"--difference {difference:g}", None, str(difference), "a number other than 0")])
        with Waiting(stderr_console(), patience_s=1.0) as waiting:
            waiting("opening runs", 0.0)
            told = _told(source, difference)
    if as_json:
        print_json({"status": "done", **told})
    else:
        _show(told)


def _told(source: str, difference: float) -> dict[str, Any]:
    """Return what `--json` prints, without its status."""
    from dataclasses import asdict

    from aarlab.design import from_file, from_results

    if Path(source).is_dir():
        from aarlab.report import results_from

        measure, designs = from_results(results_from([source]), difference)
    else:
        from aarlab.ablation.load import load_ablation
        from aarlab.ablation.plan import seeds_of

        plan = load_ablation(source)
        arms, seeds = [arm.name for arm in plan.arms], len(seeds_of(plan.ablation))
        measure, designs = from_file(plan.ablation, seeds, arms, difference)
    return {"source": source, "measure": measure, "difference": difference, "designs": [asdict(one) for one in designs]}


def _show(told: Mapping[str, Any]) -> None:
    """Print what `--json` tells."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.wording import printable

    console, difference = stdout_console(), told["difference"]
    first = told["designs"][0]
    source = "seen in its runs" if first["seen"] else "assumed, as nothing has been run"
    asked = f"To see a difference of {difference:g} in {told['measure']}: two-sided 5 %, with a chance of 80 %."
    console.print(Text(f"{asked} The spread is that of the difference between a run of each arm, {source}."))
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("comparison", style="cyan")
    for column in ("seeds", "spread", "smallest seen", f"seeds for {difference:g}"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in told["designs"]:
        needed = str(one["needed"])
        if one["needed_range"]:
            needed += f" ({one['needed_range'][0]} to {one['needed_range'][1]})"
        name = Text(printable(f"{one['arm']} against {one['against']}"))
        seeds = f"{one['seeds']} {'pairs' if one['paired'] else 'each'}"
        smallest = "–" if one["smallest"] is None else f"{one['smallest']:.3f}"
        table.add_row(name, seeds, f"{one['spread']:.3f}", smallest, needed)
    console.print(table)
    if first["seen"]:
        console.print("In brackets: for the ends of the spread's own 90 % interval.", style="dim")
    console.print("Several comparisons at once need more: see the report.", style="dim")
