"""`aarlab power`: how many seeds it takes to see a difference, and what so many seeds can show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from aarlab.cli.options import (
    exit_on_bad_input,
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

    Given an ablation's folder (or any folder with runs), it goes by the sd over seeds that the runs have. Given an
    ablation's file, it assumes that runs sd by 0.1 in held-out PGR, as small teams of simulated researchers did.
    """
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.config import ConfigError, Fault

    with exit_on_bad_input(as_json=as_json):
        if not 0 < abs(difference) < float("inf"):
            raise ConfigError([Fault(f"--difference {difference:g}", None, str(difference), "a number other than 0")])
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            progress_bar("opening runs", 0.0)
            payload = _power_json(source, difference)
    if as_json:
        print_json({"status": "done", **payload})
    else:
        _show(payload)


def _power_json(source: str, difference: float) -> dict[str, Any]:
    """Return what `--json` prints, without its status."""
    from dataclasses import asdict

    from aarlab.cli.power_design import power_from_ablation, power_from_results

    if Path(source).is_dir():
        from aarlab.report import results_from

        measure, designs = power_from_results(results_from([source]), difference)
    else:
        from aarlab.ablation.ablation_file import load_ablation
        from aarlab.ablation.ablation_plan import seeds_of

        plan = load_ablation(source)
        arms, seeds = [arm.name for arm in plan.arms], len(seeds_of(plan.ablation))
        measure, designs = power_from_ablation(plan.ablation, seeds, arms, difference)
    return {
        "source": source,
        "measure": measure,
        "difference": difference,
        "comparisons": [asdict(one) for one in designs],
    }


def _show(payload: Mapping[str, Any]) -> None:
    """Print what `--json` tells."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from aarlab.cli.formatting import printable

    console, difference = stdout_console(), payload["difference"]
    first = payload["comparisons"][0]
    source = "seen in its runs" if first["observed"] else "assumed, as nothing has been run"
    asked = f"To see a difference of {difference:g} in {payload['measure']}: two-sided 5 %, at 80 % power."
    console.print(Text(f"{asked} The sd is that of the difference between a run of each arm, {source}."))
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("comparison", style="cyan")
    for column in ("seeds", "sd", "detectable_difference seen", f"seeds for {difference:g}"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in payload["comparisons"]:
        required_seeds = str(one["required_seeds"])
        if one["required_seeds_range"]:
            required_seeds += f" ({one['required_seeds_range'][0]} to {one['required_seeds_range'][1]})"
        name = Text(printable(f"{one['arm']} against {one['against']}"))
        seeds = f"{one['seeds']} {'pairs' if one['paired'] else 'each'}"
        detectable_difference = "–" if one["detectable_difference"] is None else f"{one['detectable_difference']:.3f}"
        table.add_row(name, seeds, f"{one['sd']:.3f}", detectable_difference, required_seeds)
    console.print(table)
    if first["observed"]:
        console.print("In brackets: for the ends of the sd's own 90 % interval.", style="dim")
    console.print("Several comparisons at once need more: see the report.", style="dim")
