"""`aarlab diff`: where two runs part, and what followed."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.cli.options import Status, exit_on_bad_input, json_option, print_json, stderr_console, stdout_console
from aarlab.cli.run_common import open_for_reading

if TYPE_CHECKING:
    from aarlab.cli.run_comparison import RunComparison
    from aarlab.memory.events import LogEntry

_MAX_ROWS = 8
"""Rows of a list that are shown."""


@click.command()
@click.argument("first")
@click.argument("second")
@json_option
def diff(first: str, second: str, as_json: bool) -> None:
    """Show where two runs part and what followed: decisions, PGR over time, findings that only one has, measures.

    Both are run files, folders (their newest runs) or ids of runs in ./runs. Exit status: 0 the same, 1 different.
    """
    from aarlab.cli.run_comparison import compare_runs

    with exit_on_bad_input(as_json=as_json), open_for_reading(first) as one, open_for_reading(second) as other:
        with stderr_console().status("comparing"):
            found = compare_runs(one, other)
        names = one.info().run_id, other.info().run_id
    if as_json:
        print_json(_json(found, names))
    else:
        _print_result(found, names)
    sys.exit(Status.FAILED if found.divergences or found.settings else Status.DONE)


def _json(found: "RunComparison", names: tuple[str, str]) -> dict[str, Any]:
    return {
        "runs": names,
        "settings": found.settings,
        "divergences": [
            {
                "agent": divergence.stream,
                "round": divergence.round,
                "event": divergence.ordinal,
                "first": _event(divergence.first),
                "second": _event(divergence.second),
            }
            for divergence in found.divergences
        ],
        "decisions": found.decisions,
        "development_pgr": [{"team_hours": hours, "first": a, "second": b} for hours, a, b in found.pgr_curves],
        "findings": [[{"finding": f.id, "title": f.title, "pgr": f.pgr} for f in only] for only in found.findings],
        "measures": found.measures,
    }


def _event(entry: "LogEntry | None") -> dict[str, Any] | None:
    return None if entry is None else {"kind": entry.event.kind, **entry.event.to_json()}


def _print_result(found: "RunComparison", names: tuple[str, str]) -> None:
    from aarlab.cli.formatting import pgr_text, printable, shortened

    console = stdout_console()
    console.print(f"[bold]first[/]   {names[0]}\n[bold]second[/]  {names[1]}\n", highlight=False)
    if found.settings:
        rows = [(path, _short(a), _short(b)) for path, (a, b) in found.settings.items()]
        console.print(_table("Configured otherwise", ("field", "first", "second"), rows))
    if not found.divergences:
        console.print("The same from the first event to the last.")
        return
    where = found.divergences[0]
    console.print(
        f"They part in round {where.round}: {where.stream}, event {where.ordinal}, "
        f"{_kind(where.first)} against {_kind(where.second)}. Before that all is the same.\n",
        highlight=False,
    )
    rows = [(agent, shortened(a, 60), shortened(b, 60)) for agent, (a, b) in found.decisions.items()]
    console.print(_table("First decision that is different", ("agent", "first", "second"), rows))
    pgr_curves = [(f"{hours:.0f}", pgr_text(a), pgr_text(b)) for hours, a, b in found.pgr_curves]
    console.print(_table("Best development PGR by team hours", ("hours", "first", "second"), pgr_curves))
    for name, only in zip(("first", "second"), found.findings, strict=True):
        best = sorted(only, key=lambda f: f.pgr if f.pgr is not None else float("-inf"), reverse=True)[:_MAX_ROWS]
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


def _kind(entry: "LogEntry | None") -> str:
    return "nothing more" if entry is None else entry.event.kind.replace("_", " ")


def _short(value: Any) -> str:
    return "–" if value is None else str(value)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
