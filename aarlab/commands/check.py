"""`aarlab check`: is a run file what it says it is?"""

import sys

import rich_click as click

from aarlab.commands.shared import Status, bad_input_explained, json_option, print_json, stdout_console
from aarlab.commands.work import opened

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

    with bad_input_explained(as_json=as_json), opened(run) as file:
        found = checked(file)
        path = file.path
    sound = not any(each.faults for each in found)
    if as_json:
        print_json({"status": "sound" if sound else "faults", "file": str(path), "checks": [asdict(e) for e in found]})
    else:
        console = stdout_console()
        for each in found:
            style = "red" if each.faults else "green"
            told = f"{len(each.faults)} faults" if each.faults else "sound"
            console.print(f"{each.what:<20}{each.looked_at:>8,}  [{style}]{told}[/]", highlight=False)
            for fault in each.faults[:_MOST]:
                console.print(f"  {printable(fault)}", markup=False, highlight=False, soft_wrap=True)
            if len(each.faults) > _MOST:
                console.print(f"  and {len(each.faults) - _MOST} more (--json)")
    sys.exit(Status.DONE if sound else Status.FAILED)
