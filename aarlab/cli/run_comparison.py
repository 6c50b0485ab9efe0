"""Two runs side by side: where they part, and what followed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.events import Decision, Finding, LogEntry
from aarlab.memory.measures import frontier
from aarlab.memory.run_reader import RunReader

BUDGET_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the longer of the two budgets at which the best so far is compared."""


@dataclass(frozen=True, slots=True)
class StreamDivergence:
    """The first event of a stream that is not in both runs, or not the same."""

    stream: str
    ordinal: int
    """How many events both have in common before it."""
    first: LogEntry | None
    """None: the stream has ended."""
    second: LogEntry | None

    @property
    def round(self) -> int:
        """The round in which it happened, the earlier one if they differ."""
        return min(entry.round for entry in (self.first, self.second) if entry is not None)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What is different between two runs."""

    settings: Mapping[str, tuple[Any, Any]]
    """Fields of the configuration, by path."""
    divergences: tuple[StreamDivergence, ...]
    """By stream, those that part earliest first; empty if the runs are the same."""
    decisions: Mapping[str, tuple[str, str]]
    """By agent, the first decision that was not the same, in words."""
    pgr_curves: tuple[tuple[float, float | None, float | None], ...]
    """Hours of the whole team, and the best development PGR of each run by then."""
    findings: tuple[tuple[Finding, ...], tuple[Finding, ...]]
    """Findings that only one of them has, by what they say."""
    measures: Mapping[str, tuple[float | None, float | None]]
    """Measures of the summaries that differ, by name; empty unless both runs came to their end."""


def compare_runs(first: RunReader, second: RunReader) -> RunComparison:
    """Return what is different between two runs."""
    before, after = _streams(first), _streams(second)
    divergences = [
        divergence
        for stream in dict.fromkeys((*before, *after))
        if (divergence := _stream_divergence(stream, before.get(stream, []), after.get(stream, []))) is not None
    ]
    one, other = first.info(), second.info()
    return RunComparison(
        settings=_settings(one.scenario, other.scenario),
        divergences=tuple(sorted(divergences, key=lambda divergence: divergence.round)),
        decisions={
            stream: told
            for stream in before
            if (told := _first_differing_decision(before[stream], after.get(stream, []))) is not None
        },
        pgr_curves=_pgr_curves(first, second),
        findings=_only(first, second),
        measures=_measures(one.summary, other.summary),
    )


def _streams(file: RunReader) -> dict[str, list[LogEntry]]:
    streams: dict[str, list[LogEntry]] = {}
    for entry in file.entries():
        streams.setdefault(entry.stream, []).append(entry)
    return streams


def _stream_divergence(stream: str, first: list[LogEntry], second: list[LogEntry]) -> StreamDivergence | None:
    for ordinal, (one, other) in enumerate(zip_longest(first, second)):
        if one is None or other is None or _comparable(one) != _comparable(other):
            return StreamDivergence(stream, ordinal, one, other)
    return None


def _comparable(entry: LogEntry) -> tuple[Any, ...]:
    return entry.round, entry.hours, entry.event


def _first_differing_decision(first: list[LogEntry], second: list[LogEntry]) -> tuple[str, str] | None:
    pairs = zip_longest(_decisions(first), _decisions(second), fillvalue="none")
    return next(((one, other) for one, other in pairs if one != other), None)


def _decisions(entries: list[LogEntry]) -> Iterator[str]:
    for entry in entries:
        match entry.event:
            case Decision(decision=what, choice=choice, taken_by=who):
                yield f"round {entry.round}: {what.replace('_', ' ')}, {choice} (by {who})"
            case _:
                pass


def _settings(first: Any, second: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    if isinstance(first, dict) and isinstance(second, dict):
        differing: dict[str, tuple[Any, Any]] = {}
        for name in dict.fromkeys((*first, *second)):
            differing |= _settings(first.get(name), second.get(name), f"{path}.{name}" if path else name)
        return differing
    return {} if first == second else {path: (first, second)}


def _pgr_curves(first: RunReader, second: RunReader) -> tuple[tuple[float, float | None, float | None], ...]:
    hours = max(_team_budget_hours(file.info().scenario) for file in (first, second))
    one, other = frontier(first), frontier(second)
    return tuple((share * hours, _by(one, share * hours), _by(other, share * hours)) for share in BUDGET_SHARES)


def _by(curve: list[tuple[float, float]], hours: float) -> float | None:
    return max((pgr for at, pgr in curve if at <= hours), default=None)


def _team_budget_hours(scenario: Any) -> float:
    return float(scenario["budget"]["hours"] * scenario["team"]["researchers"])


def _only(first: RunReader, second: RunReader) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    one, other = _findings(first), _findings(second)
    return (
        tuple(finding for key, finding in one.items() if key not in other),
        tuple(finding for key, finding in other.items() if key not in one),
    )


def _findings(file: RunReader) -> dict[tuple[Any, ...], Finding]:
    findings = [entry.event for entry in file.entries(Finding)]
    return {(finding.author, finding.type, finding.title, finding.code): finding for finding in findings}


def _measures(first: Any, second: Any) -> dict[str, tuple[float | None, float | None]]:
    if not first or not second:
        return {}
    values = {
        measure.label: (value_at(first, measure.path), value_at(second, measure.path))
        for measure in measures_in([first, second])
    }
    return {what: pair for what, pair in values.items() if pair[0] != pair[1]}
