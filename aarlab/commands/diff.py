"""`aarlab diff`: where two runs part, and what followed."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.commands.shared import Status, bad_input_explained, json_option, print_json, stderr_console, stdout_console
from aarlab.commands.work import opened

if TYPE_CHECKING:
    from aarlab.memory.events import Entry
    from aarlab.parting import Difference

_MOST = 8
"""Rows of a list that are shown."""


@click.command()
@click.argument("first")
@click.argument("second")
@json_option
def diff(first: str, second: str, as_json: bool) -> None:
    """Show where two runs part and what followed: decisions, PGR over time, findings that only one has, measures.

    Both are run files, folders (their newest runs) or ids of runs in ./runs. Exit status: 0 the same, 1 different.
    """
    from aarlab.parting import difference

    with bad_input_explained(as_json=as_json), opened(first) as one, opened(second) as other:
        with stderr_console().status("comparing"):
            found = difference(one, other)
        names = one.info().run_id, other.info().run_id
    if as_json:
        print_json(_json(found, names))
    else:
        _tell(found, names)
    sys.exit(Status.FAILED if found.partings or found.settings else Status.DONE)


def _json(found: "Difference", names: tuple[str, str]) -> dict[str, Any]:
    return {
        "runs": names,
        "settings": found.settings,
        "partings": [
            {
                "agent": parting.stream,
                "round": parting.round,
                "event": parting.ordinal,
                "first": _event(parting.first),
                "second": _event(parting.second),
            }
            for parting in found.partings
        ],
        "decisions": found.decisions,
        "development_pgr": [{"team_hours": hours, "first": a, "second": b} for hours, a, b in found.climbs],
        "findings": [[{"finding": f.id, "title": f.title, "pgr": f.pgr} for f in only] for only in found.findings],
        "measures": found.measures,
    }


def _event(entry: "Entry | None") -> dict[str, Any] | None:
    return None if entry is None else {"kind": entry.event.kind, **entry.event.to_json()}


def _tell(found: "Difference", names: tuple[str, str]) -> None:
    from aarlab.wording import pgr_text, printable, shortened

    console = stdout_console()
    console.print(f"[bold]first[/]   {names[0]}\n[bold]second[/]  {names[1]}\n", highlight=False)
    if found.settings:
        rows = [(path, _short(a), _short(b)) for path, (a, b) in found.settings.items()]
        console.print(_table("Configured otherwise", ("field", "first", "second"), rows))
    if not found.partings:
        console.print("The same from the first event to the last.")
        return
    where = found.partings[0]
    console.print(
        f"They part in round {where.round}: {where.stream}, event {where.ordinal}, "
        f"{_kind(where.first)} against {_kind(where.second)}. Before that all is the same.\n",
        highlight=False,
    )
    rows = [(agent, shortened(a, 60), shortened(b, 60)) for agent, (a, b) in found.decisions.items()]
    console.print(_table("First decision that is different", ("agent", "first", "second"), rows))
    climbs = [(f"{hours:.0f}", pgr_text(a), pgr_text(b)) for hours, a, b in found.climbs]
    console.print(_table("Best development PGR by team hours", ("hours", "first", "second"), climbs))
    for name, only in zip(("first", "second"), found.findings, strict=True):
        best = sorted(only, key=lambda f: f.pgr if f.pgr is not None else float("-inf"), reverse=True)[:_MOST]
        rows = [(f.id, pgr_text(f.pgr, f.se), shortened(printable(f.title), 80)) for f in best]
        console.print(_table(f"Findings of the {name} alone: {len(only)}", ("finding", "PGR", "title"), rows))
    rows = [(what, _number(a), _number(b)) for what, (a, b) in found.measures.items()]
    console.print(_table("Measures that differ", ("measure", "first", "second"), rows))


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Any:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="dim")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return Group(Text(title, style="bold"), table if rows else Text("  none\n", style="dim"))


def _kind(entry: "Entry | None") -> str:
    return "nothing more" if entry is None else entry.event.kind.replace("_", " ")


def _short(value: Any) -> str:
    return "–" if value is None else str(value)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
