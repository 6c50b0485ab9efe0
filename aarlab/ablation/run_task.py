"""Execute one run of an ablation: the work of a worker process."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aarlab.ablation.ablation_folder import publish, set_aside
from aarlab.ablation.spending import Spending, spending_in
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, SqliteSharedBudget
from aarlab.agents.models.api_keys import redacted
from aarlab.graph.calls.budget import SharedBudget, SharedBudgetExhausted
from aarlab.graph.run.execute import RunOptions, run_scenario
from aarlab.graph.run.fork import fork_run
from aarlab.graph.run.resume import resume_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.task_choice import load_contained_code
from aarlab.memory.disk_full import is_disk_full
from aarlab.memory.events import FailedModelCall, LogEntry, ModelCall, RoundStarted
from aarlab.memory.run_file_errors import RunAlreadyFinished, SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.run_tape import Divergence
from aarlab.scenarios.tasks.task_data import provide_data_file
from aarlab.tools.evaluator.world_cache import WorldCache
from aarlab.tools.sandbox import SandboxMode

ProgressKind = Literal["progress", "done", "failed", "disk full", "budget exhausted"]
"""`disk full`: the run file cannot be written, which affects all other runs. `budget exhausted`: a call exceeded the
shared budget, and the run was interrupted.
"""


@dataclass(frozen=True, slots=True)
class RunTask:
    """A run for a worker to execute."""

    run: str
    """The run's id."""
    scenario: dict[str, Any]
    """The resolved scenario as JSON."""
    draft: str
    """Path of the run file while it is written."""
    target: str
    """Path that the file is moved to when the run is finished."""
    sandbox: SandboxMode
    cache: bool = True
    """Whether to reuse cached scores on common worlds."""
    shared_budget: dict[str, Any] | None = None
    """Fields of `SharedBudgetSpec`; None: no limit for all runs together."""
    fork_from: str | None = None
    """Path of the run to fork from; None: the run starts at round 1."""
    at: int = 0
    """First round that a forked run does not repeat from the recording."""
    data_files: dict[str, str] = field(default_factory=dict)
    """Paths of data files of the task, by the hash of their content."""
    laboratory_secret: str | None = field(default=None, repr=False)
    """The secret of the laboratory; None: the run does not need it. It is in no file of the run."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A message from a worker about its run."""

    run: str
    kind: ProgressKind
    share: float = 0.0
    """Share of completed rounds, in [0, 1]."""
    spent: Spending = field(default_factory=Spending)
    """Usage of the run so far."""
    summary: dict[str, Any] | None = None
    """Summary of a run that is done."""
    error: str | None = None

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "RunProgress":
        """Return the message from its fields, as `asdict` returns them."""
        return cls(**{**fields, "spent": Spending(**fields["spent"])})


def execute_task(task: RunTask, send: Callable[[RunProgress], None], worlds: WorldCache | None = None) -> None:
    """Execute a run on one core, and send its progress and its result. Errors of the run are sent, not raised."""
    for sha256, path in task.data_files.items():
        provide_data_file(sha256, Path(path))
    recorded = Scenario.from_record(task.scenario)
    for choice in (recorded.task, *recorded.scoring.transfer_tasks):
        # The code is trusted: the process that sent the task loaded it from a file that the user named.
        load_contained_code(choice)
    scenario = Scenario.model_validate(task.scenario)
    draft, target = Path(task.draft), Path(task.target)
    earlier = spending_in(draft) if draft.exists() else Spending()
    listener = _ProgressListener(task.run, scenario, send, earlier)
    try:
        with _shared_budget(task) as shared_budget:
            summary = _run_or_resume(task, scenario, listener, worlds, shared_budget)
        publish(draft, target)
    except SharedBudgetExhausted as error:
        send(listener.progress("budget exhausted", error=str(error)))
    except Exception as error:
        message = redacted(f"{type(error).__name__}: {error}")
        send(listener.progress("disk full" if is_disk_full(error) else "failed", error=message))
    else:
        send(listener.progress("done", summary={**summary, "file": str(target.resolve())}))


def _run_or_resume(
    task: RunTask,
    scenario: Scenario,
    listener: "_ProgressListener",
    worlds: WorldCache | None,
    shared_budget: SharedBudget | None,
) -> dict[str, Any]:
    """Execute the run, or resume it if it was interrupted, and return its summary."""
    draft = Path(task.draft)
    options: RunOptions = {
        "listeners": [listener.on_event], "sandbox": task.sandbox, "cache": task.cache, "threads": 1,
        "shared_budget": shared_budget, "worlds": worlds,
        "laboratory_secret": task.laboratory_secret,
    }  # fmt: skip
    if draft.exists() and not _is_draft_of(task):
        set_aside(draft)
    if draft.exists():
        try:
            return resume_run(draft, **options)
        except RunAlreadyFinished:
            with RunReader.open(draft) as file:
                return dict(file.info().summary)
        except (SchemaError, Divergence, sqlite3.DatabaseError) as error:
            if is_disk_full(error):
                raise
            # The file is damaged or from another version: start the run again.
            set_aside(draft)
    if task.fork_from is not None:
        return fork_run(Path(task.fork_from), draft, scenario, at=task.at, **options)
    return run_scenario(scenario, draft, **options)


def _is_draft_of(task: RunTask) -> bool:
    """Return whether the draft has the scenario of the task: a planted one could name another server for the models."""
    try:
        with RunReader.open(Path(task.draft)) as file:
            return bool(file.info().scenario == task.scenario)
    except (SchemaError, sqlite3.DatabaseError) as error:
        if is_disk_full(error):
            raise
        return False


def _shared_budget(task: RunTask) -> AbstractContextManager[SharedBudget | None]:
    if task.shared_budget is None:
        return nullcontext()
    return closing(SqliteSharedBudget(SharedBudgetSpec(**task.shared_budget), task.run))


class _ProgressListener:
    """Sends the progress of a run at each round and after each model call that has a cost or tokens."""

    def __init__(self, run: str, scenario: Scenario, send: Callable[[RunProgress], None], earlier: Spending) -> None:
        self._run, self._send, self._earlier = run, send, earlier
        self._rounds, self._round = scenario.rounds, 0
        self._spent = Spending()

    def on_event(self, entry: LogEntry) -> None:
        """Handle an event."""
        match entry.event:
            case RoundStarted():
                self._round = entry.round
            case ModelCall() | FailedModelCall() as call:
                spent = Spending(call.cost_usd, call.known_tokens)
                if spent == Spending():
                    return
                self._spent += spent
            case _:
                return
        self._send(self.progress("progress"))

    def progress(self, kind: ProgressKind, **more: Any) -> RunProgress:
        """Return a message about the run."""
        share = max(self._round - 1, 0) / self._rounds
        # A resumed run first replays its recorded calls. Until then, its earlier spending is the larger amount.
        return RunProgress(self._run, kind, share, self._spent.at_least(self._earlier), **more)
