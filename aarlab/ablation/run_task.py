"""One run of an ablation, from a task to a finished file: what a worker does."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aarlab.ablation.ablation_folder import publish, set_aside, spending_in
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, Spending, SqliteSharedBudget
from aarlab.graph.calls.budget import SharedBudget, SharedBudgetExhausted
from aarlab.graph.run.execute import RunOptions, run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.resume import RunAlreadyFinished, resume_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import load_contained_code
from aarlab.memory.events import FailedModelCall, LogEntry, ModelCall, RoundStarted
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.tools.sandbox import SandboxMode

_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_SQLITE_DISK_FULL = ("database or disk is full", "disk I/O error", "readonly database", "unable to open database file")


ProgressKind = Literal["progress", "done", "failed", "disk full", "budget exhausted"]
"""What there is to tell. `disk full`: its file could not be written, which would happen to any other run, too. `no
money`: a call did not fit into the common limit; the run broke off.
"""


@dataclass(frozen=True, slots=True)
class RunTask:
    """What a worker is given to do."""

    run: str
    """The run's id."""
    scenario: dict[str, Any]
    """Resolved, as JSON."""
    draft: str
    """Path of the file to write."""
    target: str
    """Path that it is moved to when it is finished."""
    sandbox: SandboxMode
    cache: bool = True
    """Use scores on common worlds that have been measured before."""
    shared_budget: dict[str, Any] | None = None
    """Terms on which all runs are paid for; None: there is no common limit."""
    fork_from: str | None = None
    """Path of the run from whose midst it starts; None: it starts at the beginning."""
    at: int = 0
    """The first round that is its own, where it has a past."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What a worker tells of its run."""

    run: str
    kind: ProgressKind
    share: float = 0.0
    """Of the rounds that are over, in [0, 1]."""
    cost_usd: float | None = 0.0
    """Dollars so far; None as soon as the price of a call is not known."""
    tokens: int = 0
    """Tokens so far, in and out."""
    summary: dict[str, Any] | None = None
    """Of a run that is done."""
    error: str | None = None

    @property
    def spent(self) -> Spending:
        """What the run has come to so far."""
        return Spending(self.cost_usd, self.tokens)


def execute_task(task: RunTask, send: Callable[[RunProgress], None]) -> None:
    """Do one run on one core and tell how far it is, and how it ended. Raises nothing but what ends the process."""
    recorded = Scenario.from_record(task.scenario)
    for choice in (recorded.task, *recorded.scoring.transfer_tasks):
        load_contained_code(choice)  # the process that sent the task loaded it from a file that a person named
    scenario = Scenario.model_validate(task.scenario)
    draft, target = Path(task.draft), Path(task.target)
    watch = _ProgressListener(task.run, scenario, send, Spending(*spending_in(draft)) if draft.exists() else Spending())
    try:
        summary = _run_or_resume(task, scenario, watch)
        publish(draft, target)
    except SharedBudgetExhausted as error:
        send(watch.progress("budget exhausted", error=str(error)))
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        send(watch.progress("disk full" if _is_disk_full(error) else "failed", error=message))
    else:
        send(watch.progress("done", summary={**summary, "file": str(target.resolve())}))


def _run_or_resume(task: RunTask, scenario: Scenario, watch: "_ProgressListener") -> dict[str, Any]:
    """Let the run happen, on from where it was broken off if it was, and return its summary."""
    draft = Path(task.draft)
    options: RunOptions = {
        "listeners": [watch.on_event], "sandbox": task.sandbox, "cache": task.cache, "threads": 1, "shared_budget": _shared_budget(task),
    }  # fmt: skip
    if draft.exists():
        try:
            return resume_run(draft, **options)
        except RunAlreadyFinished:
            with RunReader.open(draft) as file:
                return dict(file.info().summary)
        except (SchemaError, Divergence, sqlite3.DatabaseError) as error:
            if _is_disk_full(error):
                raise
            # Damaged, or of another version: then it is done again from the start.
            set_aside(draft)
    if task.fork_from is not None:
        return fork_run(Path(task.fork_from), draft, scenario, at=task.at, **options)
    return run_scenario(scenario, draft, **options)


def _shared_budget(task: RunTask) -> SharedBudget | None:
    # Reckons with what is spent as it is said here.
    return None if task.shared_budget is None else SqliteSharedBudget(SharedBudgetSpec(**task.shared_budget), task.run)


class _ProgressListener:
    """Sees the events of a run and tells how far it is: at each round, and whenever something was paid for."""

    def __init__(self, run: str, scenario: Scenario, send: Callable[[RunProgress], None], before: Spending) -> None:
        self._run, self._send, self._earlier = run, send, before
        self._rounds, self._round = scenario.rounds, 0
        self._spent = Spending()

    def on_event(self, entry: LogEntry) -> None:
        """Take in an event."""
        match entry.event:
            case RoundStarted():
                self._round = entry.round
            case ModelCall() | FailedModelCall() as call:
                spent = Spending(call.cost_usd, call.input_tokens + call.output_tokens)
                if spent == Spending():
                    return
                self._spent += spent
            case _:
                return
        self._send(self.progress("progress"))

    def progress(self, kind: ProgressKind, **more: Any) -> RunProgress:
        """Return what there is to tell."""
        share = max(self._round - 1, 0) / self._rounds
        # A run that goes on happens again first; what it had cost before does not come back meanwhile.
        cost, before = self._spent.cost_usd, self._earlier.cost_usd
        known = None if cost is None or before is None else max(cost, before)
        return RunProgress(self._run, kind, share, known, max(self._spent.tokens, self._earlier.tokens), **more)


def _is_disk_full(error: BaseException) -> bool:
    """Whether something could not be written, by what an error says or what stands behind it."""
    for each in _causes(error):
        if isinstance(each, OSError) and each.errno in _DISK_FULL_ERRNOS:
            return True
        if isinstance(each, sqlite3.OperationalError) and any(sign in str(each) for sign in _SQLITE_DISK_FULL):
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    causes = [error.__cause__, error.__context__, *(error.exceptions if isinstance(error, BaseExceptionGroup) else ())]
    for cause in causes:
        if cause is not None:
            yield from _causes(cause)
