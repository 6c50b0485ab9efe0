"""`aarlab check`: check the integrity of a run file. The check does not execute the run."""

import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from typing import Any

import rich_click as click
from rich.console import Console
from rich.text import Text

from aarlab import __version__
from aarlab.cli.completion import complete_run
from aarlab.cli.formatting import counted, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import Status, exit_on_bad_input, print_json, stderr_console, stdout_console
from aarlab.cli.recorded_run import open_for_reading
from aarlab.graph.calls.budget import BUDGET_UNITS, Amount
from aarlab.graph.run.summary import summarise
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
    MessageEdited,
    ModelCall,
    Nomination,
    Prompted,
    Published,
    ReviewDecision,
)
from aarlab.memory.messages import parse_json
from aarlab.memory.run_file_errors import CONTENT_ERRORS, ContentNotFound, SchemaError
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import connect_read_only
from aarlab.memory.schema_sql import EVENT_TRIGGERS

_HASH_FIELDS: Mapping[type[Event], tuple[str, ...]] = {
    AgentSetup: ("system", "tools"), Prompted: ("message",), ModelCall: ("reply",), Experiment: ("code",),
    Evaluation: ("code",), Finding: ("code",), ReviewDecision: ("code",), FileWritten: ("text",),
    Compaction: ("summary",), MessageEdited: ("original",),
}  # fmt: skip
"""Event fields that hold the hash of a text or a message."""
_CHECKED_FIELDS = (
    "task", "seed", "rounds", "findings", "experiments", "evaluations", "hours", "realised_autonomy", "heldout",
    "shifted", "transfer", "references", "digest",
)  # fmt: skip
"""Fields of the summary that are compared with the log. Others depend on texts, which an export may have redacted."""
_MAX_FAULTS = 20
"""Maximum number of faults that are printed for one check."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    check_name: str
    n_checked: int
    """Number of checked items, such as events or messages."""
    faults: tuple[str, ...]


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@json_option
def check(run: str | None, as_json: bool) -> None:
    """Check the integrity of a run file.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    The command checks hashes, references, the order of events, and costs and hours against budget and summary. It does
    not change the file. `aarlab replay` checks whether this version of the code reproduces the run. Exit status:
    0 valid, 1 faults.
    """
    results, console = [], stdout_console()
    with exit_on_bad_input(as_json=as_json), open_for_reading(run) as file:
        partial = file.info().status == "partial"
        for result in _with_spinner(check_run(file)):
            results.append(result)
            if not as_json:
                _print_check(result, console)
    valid = not any(result.faults for result in results)
    if as_json:
        path, checks = str(file.path), [asdict(result) for result in results]
        print_json({"status": "valid" if valid else "faults", "file": path, "partial": partial, "checks": checks})
    elif partial:
        console.print(
            "Partial run: imported findings without prompts and replies. It can be read, but not replayed, resumed or "
            "forked."
        )
    sys.exit(Status.DONE if valid else Status.FAILED)


def _print_check(result: CheckResult, console: Console) -> None:
    verdict = Text(counted(len(result.faults), "fault"), "red") if result.faults else Text("valid", "green")
    console.print(Text.assemble(f"{result.check_name:<20}{result.n_checked:>8,}  ", verdict))
    for fault in result.faults[:_MAX_FAULTS]:
        console.print(f"  {printable(fault)}", markup=False, soft_wrap=True)
    if len(result.faults) > _MAX_FAULTS:
        console.print(f"  and {len(result.faults) - _MAX_FAULTS} more (--json)")


def _with_spinner(results: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """Yield the results; show a spinner on a terminal while the next one is computed."""
    while True:
        with stderr_console().status("checking"):
            result = next(results, None)
        if result is None:
            return
        yield result


def check_run(file: RunReader) -> Iterator[CheckResult]:
    """Yield the result of each check. An interrupted run is checked up to its last event."""
    with ExitStack() as stack:
        with suppress(SchemaError):  # an event cannot be read: each check says so
            stack.enter_context(file.hold_events())
        for check_name, check_function in _CHECKS.items():
            count = _Counter()
            try:
                faults = tuple(check_function(file, count))
            except SchemaError as error:
                faults = (str(error),)
            except CONTENT_ERRORS as error:
                faults = (f"the content has an unexpected form ({type(error).__name__}: {error})",)
            yield CheckResult(check_name, count.number, faults)


class _Counter:
    def __init__(self) -> None:
        self.number = 0

    def increment(self) -> None:
        self.number += 1


_CheckFunction = Callable[[RunReader, _Counter], Iterator[str]]


def _database(file: RunReader, count: _Counter) -> Iterator[str]:
    try:
        with closing(connect_read_only(file.path)) as connection:
            for (reported,) in connection.execute("PRAGMA integrity_check"):
                count.increment()
                if reported != "ok":
                    yield f"SQLite reports: {reported}"
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
            yield from (f"the trigger {name} is missing" for name in sorted(EVENT_TRIGGERS - names))
    except sqlite3.DatabaseError as error:
        yield f"SQLite reports: {error}"


def _contents(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield messages and texts that do not match their hash."""
    try:
        for stored in file.contents():
            count.increment()
            if not stored.has_its_hash:
                kind = "text" if stored.speaker is None else "message"
                yield f"the {kind} {stored.hash} has changed: it does not have this hash"
    except (SchemaError, UnicodeError) as error:
        yield f"messages and texts cannot be read: {error}"


def _log(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield gaps in the numbering of a stream, and rounds and hours that decrease."""
    last: dict[str, tuple[int, int, float]] = {}
    for entry in file.entries():
        count.increment()
        ordinal, round_, hours = last.get(entry.stream, (-1, 0, 0.0))
        if entry.ordinal != ordinal + 1:
            yield f"{entry.stream}, event {entry.ordinal} ({entry.event.kind}) follows event {ordinal}"
        if entry.round < round_ or entry.hours < hours:
            yield (
                f"{entry.stream}, event {entry.ordinal} ({entry.event.kind}) is in round {entry.round} at hour "
                f"{entry.hours:g}, after round {round_}, hour {hours:g}"
            )
        last[entry.stream] = (entry.ordinal, entry.round, entry.hours)


def _references(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield contents, findings and experiments that events refer to and the file does not contain."""
    findings = {entry.event.id for entry in file.entries(Finding)}
    experiments = {entry.event.id for entry in file.entries(Experiment)}
    contents = file.content_hashes()
    for entry in file.entries():
        where = f"{entry.stream}, event {entry.ordinal} ({entry.event.kind})"
        for name in _HASH_FIELDS.get(type(entry.event), ()):
            key = getattr(entry.event, name)
            if key is not None:
                count.increment()
                if key not in contents:
                    yield f"{where}: its {name} {key} is not in the file"
        for name, kind, known in _referenced_ids(entry.event, findings, experiments):
            count.increment()
            if name not in known:
                yield f"{where}: there is no {kind} {name}"


def _referenced_ids(event: Event, findings: set[str], experiments: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the id of each finding and experiment that an event refers to, its kind, and the known ids of that kind."""
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
    """Yield tool calls of researchers without results in the same order before the next model call."""
    open_calls: dict[str, list[str]] = {}
    for entry in file.entries(ModelCall, Prompted):
        match entry.event:
            case ModelCall(role="researcher", reply=key):
                count.increment()
                if open_calls.get(entry.stream):
                    unanswered = open_calls[entry.stream][0]
                    yield f"{entry.stream}, event {entry.ordinal}: model call before the result of {unanswered}"
                open_calls[entry.stream] = _ids_in(file, key, "tool_use", "id")
            case Prompted(role="researcher", message=key):
                results = _ids_in(file, key, "tool_result", "tool_use_id")
                expected = open_calls.get(entry.stream, [])
                if results and results != expected:
                    yield f"{entry.stream}, event {entry.ordinal}: results of {results} instead of {expected}"
                if results:
                    open_calls[entry.stream] = []
            case _:
                pass


def _ids_in(file: RunReader, message: str, block_type: str, field: str) -> list[str]:
    """Return the ids in the blocks of one type of a message. Its hash is the subject of another check."""
    stored = file.stored_content(message)
    if stored is None:
        raise ContentNotFound(f"no message {message} in {file.path}")
    return [block[field] for block in parse_json(stored.content) if block["type"] == block_type]


def _costs(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield costs and tokens of all calls that differ from the summary or exceed the budget."""
    info, total, unknown = file.info(), Amount(), False
    for entry in file.entries(ModelCall, FailedModelCall):
        call = entry.event
        count.increment()
        unknown = unknown or call.cost_usd is None
        answered = int(isinstance(call, ModelCall))
        total += Amount(call.cost_usd or 0.0, call.known_tokens, answered)
    reported = info.summary and info.summary.get("cost_usd")
    if info.summary and ((reported is None) != unknown or (reported is not None and abs(reported - total.usd) > 1e-5)):
        yield f"calls cost {'an unknown amount' if unknown else f'${total.usd:.6f}'}, the summary says {reported}"
    for unit in BUDGET_UNITS:
        limit = info.scenario["budget"].get(unit)
        if limit is not None and getattr(total, unit) > limit + 1e-6:
            yield f"{getattr(total, unit):,} {unit} were used, budget.{unit} is {limit:,}"


def _hours(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield researchers that used more research hours than the budget."""
    budget, used = file.info().scenario["budget"]["hours"], dict.fromkeys(file.researchers(), 0.0)
    for entry in file.entries():
        if entry.stream in used:
            used[entry.stream] = max(used[entry.stream], entry.hours)
    for name, hours in used.items():
        count.increment()
        if hours > budget + 1e-6:
            yield f"{name} used {hours:g} research hours, budget.hours is {budget:g}"


def _summary(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield parts of the summary that differ from the log."""
    reported: Any = file.info().summary
    if reported is None:
        return
    if with_summary_hash(reported) != reported:
        yield "the summary does not have its hash"
    if file.info().has_other_settings:
        yield "the scenario, or the fork history, is not the one that the run had"
    try:
        # Another version may define measures in another way, but not the digest.
        same_version = file.info().aarlab_version == __version__
        computed = summarise(file) if same_version else {"digest": file.digest()}
    except (LookupError, TypeError, ValueError) as error:
        yield f"no summary can be computed from the log ({type(error).__name__}: {error})"
        return
    for name in _CHECKED_FIELDS if same_version else computed:
        count.increment()
        if reported.get(name) != computed[name]:
            yield f"the log has the {name} {computed[name]}, the summary says {reported.get(name)}"


def _structure(file: RunReader, count: _Counter) -> Iterator[str]:
    """Yield deviations of the realised structure from the configured one."""
    if file.info().summary is not None:
        count.increment()
        yield from violations(file)


_CHECKS: Mapping[str, _CheckFunction] = {
    "database": _database,
    "messages and texts": _contents,
    "log": _log,
    "references": _references,
    "tool calls": _tools,
    "costs and budget": _costs,
    "research hours": _hours,
    "summary": _summary,
    "structure": _structure,
}
