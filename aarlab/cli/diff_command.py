"""`aarlab diff`: compare two runs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import rich_click as click
from rich.console import Group, RenderableType
from rich.text import Text

from aarlab.cli.completion import complete_run
from aarlab.cli.formatting import pgr_text, printable, shortened
from aarlab.cli.options import json_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.recorded_run import open_for_reading, warn_if_altered
from aarlab.cli.tables import data_table
from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.events import Decision, Finding, LogEntry
from aarlab.memory.measures import frontier
from aarlab.memory.run_difference import first_difference
from aarlab.memory.run_reader import RunReader

BUDGET_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the longer budget at which the best development score is compared."""
_MAX_ROWS = 8
"""Maximum number of findings of one run that are printed."""


@dataclass(frozen=True, slots=True)
class StreamDivergence:
    """The first event of a stream that differs between two runs or is in one of them only."""

    stream: str
    ordinal: int
    """Number of equal events before it."""
    first: LogEntry | None
    """None: the stream of the first run has ended."""
    second: LogEntry | None
    """None: the stream of the second run has ended."""

    @property
    def round(self) -> int:
        """The round of the event; the earlier one if the rounds differ."""
        return min(entry.round for entry in (self.first, self.second) if entry is not None)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """The differences between two runs."""

    settings: Mapping[str, tuple[Any, Any]]
    """Scenario fields that differ, by path."""
    divergences: tuple[StreamDivergence, ...]
    """One for each stream that differs, earliest round first; empty if the runs are the same."""
    decisions: Mapping[str, tuple[str, str]]
    """The first decision of each agent that differs, as text."""
    pgr_curves: tuple[tuple[float, float | None, float | None], ...]
    """Research hours of the team, and the best development PGR of each run up to that hour."""
    findings: tuple[tuple[Finding, ...], tuple[Finding, ...]]
    """Findings that only one run has. Findings are equal if their author, type, title and code are equal."""
    measures: Mapping[str, tuple[float | None, float | None]]
    """Measures of the summaries that differ, by label; empty unless both runs are closed."""


@click.command()
@click.argument("first", shell_complete=complete_run)
@click.argument("second", shell_complete=complete_run)
@json_option
def diff(first: str, second: str, as_json: bool) -> None:
    """Compare two runs: events, decisions, findings, measures.

    FIRST and SECOND are run files, folders (their newest runs) or ids of runs in ./runs. Exit status: 0 same,
    1 different.
    """
    with exit_on_bad_input(as_json=as_json), open_for_reading(first) as left, open_for_reading(second) as right:
        for file in (left, right):
            warn_if_altered(file)
        with stderr_console().status("comparing"):
            comparison = compare_runs(left, right)
        names = left.info().run_id, right.info().run_id
    if as_json:
        print_json(_comparison_json(comparison, names))
    else:
        _print_comparison(comparison, names)
    sys.exit(Status.FAILED if comparison.divergences or comparison.settings else Status.DONE)


def compare_runs(first: RunReader, second: RunReader) -> RunComparison:
    """Return the differences between two runs."""
    return RunComparison(
        settings=_differing_settings(first.info().scenario, second.info().scenario),
        divergences=tuple(sorted(_divergences(first, second), key=lambda divergence: divergence.round)),
        decisions=_differing_decisions(first, second),
        pgr_curves=_pgr_curves(first, second),
        findings=_unshared_findings(first, second),
        measures=_differing_measures(first.info().summary, second.info().summary),
    )


def _divergences(first: RunReader, second: RunReader) -> Iterator[StreamDivergence]:
    for stream in dict.fromkeys((*first.streams(), *second.streams())):
        ordinal = first_difference(first, stream, second, stream)
        if ordinal is not None:
            entries = [next(file.stream_range(stream, ordinal, ordinal), None) for file in (first, second)]
            yield StreamDivergence(stream, ordinal, *entries)


def _differing_decisions(first: RunReader, second: RunReader) -> dict[str, tuple[str, str]]:
    """Return the first decision in which each stream of the first run differs."""
    left, right = _decisions(first), _decisions(second)
    differing: dict[str, tuple[str, str]] = {}
    for stream in first.streams():
        pairs = zip_longest(left.get(stream, ()), right.get(stream, ()), fillvalue="none")
        if (pair := next(((one, other) for one, other in pairs if one != other), None)) is not None:
            differing[stream] = pair
    return differing


def _decisions(file: RunReader) -> dict[str, list[str]]:
    """Return the decisions of each stream as text."""
    decisions: dict[str, list[str]] = {}
    for entry in file.entries(Decision):
        one, kind = entry.event, entry.event.decision.replace("_", " ")
        text = f"round {entry.round}: {kind}, {one.choice} (by {one.taken_by})"
        decisions.setdefault(entry.stream, []).append(text)
    return decisions


def _differing_settings(first: Any, second: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    if isinstance(first, dict) and isinstance(second, dict):
        differing: dict[str, tuple[Any, Any]] = {}
        for name in dict.fromkeys((*first, *second)):
            differing |= _differing_settings(first.get(name), second.get(name), f"{path}.{name}" if path else name)
        return differing
    return {} if first == second else {path: (first, second)}


def _pgr_curves(first: RunReader, second: RunReader) -> tuple[tuple[float, float | None, float | None], ...]:
    hours = max(_team_budget_hours(file.info().scenario) for file in (first, second))
    left, right = frontier(first), frontier(second)
    return tuple(
        (share * hours, _best_at(left, share * hours), _best_at(right, share * hours)) for share in BUDGET_SHARES
    )


def _best_at(curve: list[tuple[float, float]], hours: float) -> float | None:
    return max((pgr for at, pgr in curve if at <= hours), default=None)


def _team_budget_hours(scenario: Any) -> float:
    return float(scenario["budget"]["hours"] * scenario["team"]["researchers"])


def _unshared_findings(first: RunReader, second: RunReader) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    left, right = _findings(first), _findings(second)
    return (
        tuple(finding for key, finding in left.items() if key not in right),
        tuple(finding for key, finding in right.items() if key not in left),
    )


def _findings(file: RunReader) -> dict[tuple[Any, ...], Finding]:
    findings = [entry.event for entry in file.entries(Finding)]
    return {(finding.author, finding.type, finding.title, finding.code): finding for finding in findings}


def _differing_measures(first: Any, second: Any) -> dict[str, tuple[float | None, float | None]]:
    if not first or not second:
        return {}
    values = {
        measure.label: (value_at(first, measure.path), value_at(second, measure.path))
        for measure in measures_in([first, second])
    }
    return {label: pair for label, pair in values.items() if pair[0] != pair[1]}


def _comparison_json(comparison: RunComparison, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "runs": names,
        "settings": comparison.settings,
        "divergences": [
            {
                "agent": divergence.stream,
                "round": divergence.round,
                "event": divergence.ordinal,
                "first": _event_json(divergence.first),
                "second": _event_json(divergence.second),
            }
            for divergence in comparison.divergences
        ],
        "decisions": comparison.decisions,
        "development_pgr": [{"team_hours": hours, "first": a, "second": b} for hours, a, b in comparison.pgr_curves],
        "findings": [[{"finding": f.id, "title": f.title, "pgr": f.pgr} for f in only] for only in comparison.findings],
        "measures": comparison.measures,
    }


def _event_json(entry: LogEntry | None) -> dict[str, Any] | None:
    return None if entry is None else {"kind": entry.event.kind, **entry.event.to_json()}


def _print_comparison(comparison: RunComparison, names: tuple[str, str]) -> None:
    console = stdout_console()
    console.print(f"[bold]first[/]   {names[0]}\n[bold]second[/]  {names[1]}\n")
    if comparison.settings:
        rows = [(path, _value(a), _value(b)) for path, (a, b) in comparison.settings.items()]
        console.print(_table("Settings that differ", ("field", "first", "second"), rows))
    if not comparison.divergences:
        console.print("All events are the same.")
        return
    divergence = comparison.divergences[0]
    console.print(
        f"The runs diverge in round {divergence.round}: {divergence.stream}, event {divergence.ordinal}, "
        f"{_kind(divergence.first)} in the first, {_kind(divergence.second)} in the second. "
        "All earlier events are the same.\n",
    )
    rows = [(agent, shortened(a, 60), shortened(b, 60)) for agent, (a, b) in comparison.decisions.items()]
    console.print(_table("First decision that differs", ("agent", "first", "second"), rows))
    rows = [(f"{hours:.0f}", pgr_text(a), pgr_text(b)) for hours, a, b in comparison.pgr_curves]
    console.print(_table("Best development score by team hours", ("hours", "first", "second"), rows))
    for name, only in zip(("first", "second"), comparison.findings, strict=True):
        best = sorted(only, key=lambda f: f.pgr if f.pgr is not None else float("-inf"), reverse=True)[:_MAX_ROWS]
        rows = [(f.id, pgr_text(f.pgr, f.se), shortened(printable(f.title), 80)) for f in best]
        console.print(_table(f"Findings in the {name} run only: {len(only)}", ("finding", "score", "title"), rows))
    rows = [(label, _number(a), _number(b)) for label, (a, b) in comparison.measures.items()]
    console.print(_table("Measures that differ", ("measure", "first", "second"), rows))


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> RenderableType:
    table = data_table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    # A title of the table itself would be wrapped to the width of a narrow table.
    return Group(Text(title, style="bold"), table if rows else Text("  none\n", style="dim"))


def _kind(entry: LogEntry | None) -> str:
    return "no further event" if entry is None else entry.event.kind.replace("_", " ")


def _value(value: Any) -> str:
    return "–" if value is None else str(value)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
