"""`aarlab check`: is a run file what it says it is?"""

import sys
from typing import TYPE_CHECKING

import rich_click as click

from aarlab.commands.shared import Status, bad_input_explained, json_option, print_json, stderr_console, stdout_console
from aarlab.commands.work import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarlab.check import Check

_MOST = 20
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

    from aarlab.check import check as checked
    from aarlab.wording import printable

    found, console = [], stdout_console()
    with bad_input_explained(as_json=as_json), opened(run) as file:
        for each in _shown_to_work(checked(file)):
            found.append(each)
            if as_json:
                continue
            style = "red" if each.faults else "green"
            told = f"{len(each.faults)} faults" if each.faults else "sound"
            console.print(f"{each.what:<20}{each.looked_at:>8,}  [{style}]{told}[/]", highlight=False)
            for fault in each.faults[:_MOST]:
                console.print(f"  {printable(fault)}", markup=False, highlight=False, soft_wrap=True)
            if len(each.faults) > _MOST:
                console.print(f"  and {len(each.faults) - _MOST} more (--json)")
    sound = not any(each.faults for each in found)
    if as_json:
        path, checks = str(file.path), [asdict(each) for each in found]
        print_json({"status": "sound" if sound else "faults", "file": path, "checks": checks})
    sys.exit(Status.DONE if sound else Status.FAILED)


def _shown_to_work(checks: "Iterator[Check]") -> "Iterator[Check]":
    """Yield what comes of each check; whoever waits for it at a terminal sees that something is done."""
    while True:
        with stderr_console().status("checking"):
            each = next(checks, None)
        if each is None:
            return
        yield each
