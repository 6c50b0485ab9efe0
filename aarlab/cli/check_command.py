"""`aarlab check`: is a run file what it says it is?"""

import sys
from typing import TYPE_CHECKING

import rich_click as click

from aarlab.cli.options import Status, exit_on_bad_input, json_option, print_json, stderr_console, stdout_console
from aarlab.cli.run_common import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarlab.cli.check_rules import CheckResult

_MAX_FAULTS = 20
"""Faults of a kind that are shown."""


@click.command()
@click.argument("run", required=False)
@json_option
def check(run: str | None, as_json: bool) -> None:
    """Check a run file: hashes, references, the order of events, costs and hours against budget and summary.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs; without it, the newest run in ./runs.
    Nothing is changed. That the code here makes this run is for `aarlab replay` to say. Exit status: 0 sound, 1 not.
    """
    from dataclasses import asdict

    from aarlab.cli.check_rules import check as checked
    from aarlab.cli.formatting import printable

    found, console = [], stdout_console()
    with exit_on_bad_input(as_json=as_json), open_for_reading(run) as file:
        for each in _with_spinner(checked(file)):
            found.append(each)
            if as_json:
                continue
            style = "red" if each.faults else "green"
            told = f"{len(each.faults)} faults" if each.faults else "sound"
            console.print(f"{each.check_name:<20}{each.n_checked:>8,}  [{style}]{told}[/]", highlight=False)
            for fault in each.faults[:_MAX_FAULTS]:
                console.print(f"  {printable(fault)}", markup=False, highlight=False, soft_wrap=True)
            if len(each.faults) > _MAX_FAULTS:
                console.print(f"  and {len(each.faults) - _MAX_FAULTS} more (--json)")
    sound = not any(each.faults for each in found)
    if as_json:
        path, checks = str(file.path), [asdict(each) for each in found]
        print_json({"status": "sound" if sound else "faults", "file": path, "checks": checks})
    sys.exit(Status.DONE if sound else Status.FAILED)


def _with_spinner(checks: "Iterator[CheckResult]") -> "Iterator[CheckResult]":
    """Yield what comes of each check; whoever waits for it at a terminal sees that something is done."""
    while True:
        with stderr_console().status("checking"):
            each = next(checks, None)
        if each is None:
            return
        yield each
