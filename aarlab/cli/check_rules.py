"""Is a run file what it says it is? Everything in it that can be held against something else in it.

That the code makes this run, `aarlab replay` tells; this needs no code but the file's own.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from aarlab.graph.calls.budget import BUDGET_UNITS, Amount
from aarlab.graph.structure.checks import violations
from aarlab.memory.events import (
    AgentSetup,
    Borrowed,
    Compaction,
    Edge,
    Evaluation,
    Event,
    Experiment,
    FailedModelCall,
    FileWritten,
    Finding,
    ModelCall,
    Nomination,
    Prompted,
    Published,
    ReviewDecision,
)
from aarlab.memory.messages import content_hash
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_HASH_FIELDS: Mapping[type[Event], tuple[str, ...]] = {
    AgentSetup: ("system", "tools"), Prompted: ("message",), ModelCall: ("reply",), Experiment: ("code",),
    Evaluation: ("code",), Finding: ("code",), ReviewDecision: ("code",), FileWritten: ("text",), Compaction: ("summary",),
}  # fmt: skip
"""Fields that hold the hash of a text or a message."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one kind of check."""

    check_name: str
    n_checked: int
    """How many things were looked at."""
    faults: tuple[str, ...]


def check(file: RunReader) -> Iterator[CheckResult]:
    """Yield what comes of each kind of check; a run that was broken off is checked as far as it goes."""
    for check_name, check_function in _CHECKS.items():
        count = _Counter()
        try:
            faults = tuple(check_function(file, count))
        except SchemaError as error:
            faults = (str(error),)
        yield CheckResult(check_name, count.number, faults)


class _Counter:
    def __init__(self) -> None:
        self.number = 0

    def increment(self) -> None:
        self.number += 1


_CheckFunction = Callable[[RunReader, _Counter], Iterator[str]]


def _database(file: RunReader, count: _Counter) -> Iterator[str]:
    try:
        with closing(_read_only_connection(file)) as connection:
            for (reported,) in connection.execute("PRAGMA integrity_check"):
                count.increment()
                if reported != "ok":
                    yield f"SQLite says: {reported}"
    except sqlite3.DatabaseError as error:
        yield f"SQLite says: {error}"


def _contents(file: RunReader, count: _Counter) -> Iterator[str]:
    """Messages and texts are what their hashes say."""
    try:
        with closing(_read_only_connection(file)) as connection:
            for query, check_name in (
                ("SELECT hash, speaker, content FROM messages", "message"),
                ("SELECT * FROM texts", "text"),
            ):
                for key, *content in connection.execute(query):
                    count.increment()
                    if content_hash(*content) != key:
                        yield f"the {check_name} {key} is not what it was"
    except (sqlite3.DatabaseError, UnicodeError) as error:
        yield f"messages and texts cannot be read: {error}"


def _read_only_connection(file: RunReader) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.path.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0)


def _log(file: RunReader, count: _Counter) -> Iterator[str]:
    """Each stream is numbered without a gap, and its rounds and hours do not run backwards."""
    last: dict[str, tuple[int, int, float]] = {}
    for event in file.event_headers():
        count.increment()
        ordinal, round_, hours = last.get(event.stream, (-1, 0, 0.0))
        if event.ordinal != ordinal + 1:
            yield f"{event.stream}, event {event.ordinal} ({event.kind}) follows on event {ordinal}"
        if event.round < round_ or event.hours < hours:
            yield (
                f"{event.stream}, event {event.ordinal} ({event.kind}) is of round {event.round} at hour "
                f"{event.hours:g}, after round {round_}, hour {hours:g}"
            )
        last[event.stream] = (event.ordinal, event.round, event.hours)


def _references(file: RunReader, count: _Counter) -> Iterator[str]:
    """What events name is there."""
    findings = {entry.event.id for entry in file.entries(Finding)}
    experiments = {entry.event.id for entry in file.entries(Experiment)}
    for entry in file.entries():
        where = f"{entry.stream}, event {entry.ordinal} ({entry.event.kind})"
        for name in _HASH_FIELDS.get(type(entry.event), ()):
            key = getattr(entry.event, name)
            if key is not None:
                count.increment()
                if not file.has_content(key):
                    yield f"{where}: its {name} {key} is not in the file"
        for name, kind, known in _named(entry.event, findings, experiments):
            count.increment()
            if name not in known:
                yield f"{where}: there is no {kind} {name}"


def _named(event: Event, findings: set[str], experiments: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the findings and experiments that an event names."""
    match event:
        case Finding(experiment=str(name)):
            yield name, "experiment", experiments
        case Edge(relation=relation, source=source, target=target):
            yield target, "finding", findings
            if relation != "critiques":
                yield source, "finding", findings
        case Borrowed(finding=name) | Published(finding=name) | Nomination(finding=name):
            yield name, "finding", findings
        case Evaluation(panel="development", subject=name):
            yield name, "experiment", experiments
        case _:
            pass


def _tools(file: RunReader, count: _Counter) -> Iterator[str]:
    """Every use of a tool by a researcher is answered, in order, before it is asked again."""
    open_: dict[str, list[str]] = {}
    for entry in file.entries(ModelCall, Prompted):
        match entry.event:
            case ModelCall(role="researcher", reply=key):
                count.increment()
                if open_.get(entry.stream):
                    yield f"{entry.stream}, event {entry.ordinal}: asked while {open_[entry.stream][0]} is unanswered"
                open_[entry.stream] = [use.id for use in file.message(key).tool_calls]
            case Prompted(role="researcher", message=key):
                results = [result.tool_call_id for result in file.message(key).tool_results]
                asked = open_.get(entry.stream, [])
                if results and results != asked:
                    yield f"{entry.stream}, event {entry.ordinal}: results of {results}, not of {asked}"
                if results:
                    open_[entry.stream] = []
            case _:
                pass


def _costs(file: RunReader, count: _Counter) -> Iterator[str]:
    """Calls add up to what the summary says, and to no more than the budget."""
    info, total, unknown = file.info(), Amount(), False
    for entry in file.entries(ModelCall, FailedModelCall):
        call = entry.event
        count.increment()
        unknown = unknown or call.cost_usd is None
        answered = int(isinstance(call, ModelCall))
        total += Amount(call.cost_usd or 0.0, call.input_tokens + call.output_tokens, answered)
    reported = info.summary and info.summary.get("cost_usd")
    if info.summary and ((reported is None) != unknown or (reported is not None and abs(reported - total.usd) > 1e-5)):
        yield f"calls cost {'an unknown amount' if unknown else f'${total.usd:.6f}'}, the summary says {reported}"
    for unit in BUDGET_UNITS:
        limit = info.scenario["budget"].get(unit)
        if limit is not None and getattr(total, unit) > limit + 1e-6:
            yield f"{getattr(total, unit):,} {unit} were spent, budget.{unit} is {limit:,}"


def _hours(file: RunReader, count: _Counter) -> Iterator[str]:
    """Nobody used more research hours than there were."""
    budget, used = file.info().scenario["budget"]["hours"], dict.fromkeys(file.researchers(), 0.0)
    for event in file.event_headers():
        if event.stream in used:
            used[event.stream] = max(used[event.stream], event.hours)
    for name, hours in used.items():
        count.increment()
        if hours > budget + 1e-6:
            yield f"{name} used {hours:g} research hours, budget.hours is {budget:g}"


def _summary(file: RunReader, count: _Counter) -> Iterator[str]:
    """The summary is that of this log."""
    reported: Any = file.info().summary
    if reported is None:
        return
    count.increment()
    if reported["digest"] != (digest := file.digest()):
        yield f"the log has the digest {digest}, the summary says {reported['digest']}"
    findings = sum(1 for _ in file.entries(Finding))
    if reported["findings"] != findings:
        yield f"there are {findings} findings, the summary says {reported['findings']}"


def _structure(file: RunReader, count: _Counter) -> Iterator[str]:
    """What happened is what was configured."""
    if file.info().summary is not None:
        count.increment()
        yield from violations(file)


_CHECKS: Mapping[str, _CheckFunction] = {
    "database": _database,
    "messages and texts": _contents,
    "log": _log,
    "references": _references,
    "tool calls": _tools,
    "books": _costs,
    "research hours": _hours,
    "summary": _summary,
    "structure": _structure,
}
