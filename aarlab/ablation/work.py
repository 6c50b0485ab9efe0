"""One run of an ablation, from a task to a finished file: what a worker does."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aarlab.ablation.folder import publish, set_aside, spent_in
from aarlab.ablation.purse import SharedPurse, Spent, Terms
from aarlab.graph.again import RunOver, fork_run, resume_run
from aarlab.graph.budget import Purse, PurseEmpty
from aarlab.graph.run import Means, run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import FailedCall, ModelCall, RoundBegan
from aarlab.memory.migrations import SchemaError
from aarlab.memory.runfile import Entry, RunFile
from aarlab.memory.tape import Divergence
from aarlab.tools.sandbox import Mode

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_SQLITE_FULL = ("database or disk is full", "disk I/O error", "readonly database", "unable to open database file")


Kind = Literal["progress", "done", "failed", "no room", "no money"]
"""What there is to tell. `no room`: its file could not be written, which would happen to any other run, too. `no
money`: a call did not fit into the common limit; the run broke off.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is given to do."""

    run: str
    """The run's id."""
    scenario: dict[str, Any]
    """Resolved, as JSON."""
    draft: str
    """Path of the file to write."""
    target: str
    """Path that it is moved to when it is finished."""
    sandbox: Mode
    cache: bool = True
    """Use scores on common worlds that have been measured before."""
    purse: dict[str, Any] | None = None
    """Terms on which all runs are paid for; None: there is no common limit."""
    past: str | None = None
    """Path of the run from whose midst it starts; None: it starts at the beginning."""
    at: int = 0
    """The first round that is its own, where it has a past."""


@dataclass(frozen=True, slots=True)
class News:
    """What a worker tells of its run."""

    run: str
    kind: Kind
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
    def spent(self) -> Spent:
        """What the run has come to so far."""
        return Spent(self.cost_usd, self.tokens)


def work(task: Task, tell: Callable[[News], None]) -> None:
    """Do one run on one core and tell how far it is, and how it ended. Raises nothing but what ends the process."""
    scenario = Scenario.model_validate(task.scenario)
    draft, target = Path(task.draft), Path(task.target)
    watch = _Watch(task.run, scenario, tell, Spent(*spent_in(draft)) if draft.exists() else Spent())
    try:
        summary = _happened(task, scenario, watch)
        publish(draft, target)
    except PurseEmpty as error:
        tell(watch.news("no money", error=str(error)))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        tell(watch.news("no room" if _no_room(error) else "failed", error=told))
    else:
        tell(watch.news("done", summary={**summary, "file": str(target.resolve())}))


def _happened(task: Task, scenario: Scenario, watch: "_Watch") -> dict[str, Any]:
    """Let the run happen, on from where it was broken off if it was, and return its summary."""
    draft = Path(task.draft)
    means: Means = {
        "listeners": [watch.see], "sandbox": task.sandbox, "cache": task.cache, "threads": 1, "purse": _purse(task),
    }  # fmt: skip
    if draft.exists():
        try:
            return resume_run(draft, **means)
        except RunOver:
            with RunFile.read(draft) as file:
                return dict(file.info().summary)
        except (SchemaError, Divergence, sqlite3.DatabaseError) as error:
            if _no_room(error):
                raise
            # Damaged, or of another version: then it is done again from the start.
            set_aside(draft)
    if task.past is not None:
        return fork_run(Path(task.past), draft, scenario, at=task.at, **means)
    return run_scenario(scenario, draft, **means)


def _purse(task: Task) -> Purse | None:
    # Reckons with what is spent as it is said here.
    return None if task.purse is None else SharedPurse(Terms(**task.purse), task.run)


class _Watch:
    """Sees the events of a run and tells how far it is: at each round, and whenever something was paid for."""

    def __init__(self, run: str, scenario: Scenario, tell: Callable[[News], None], before: Spent) -> None:
        self._run, self._tell, self._before = run, tell, before
        self._rounds, self._round = scenario.rounds, 0
        self._spent = Spent()

    def see(self, entry: Entry) -> None:
        """Take in an event."""
        match entry.event:
            case RoundBegan():
                self._round = entry.round
            case ModelCall() | FailedCall() as call:
                spent = Spent(call.cost_usd, call.input_tokens + call.output_tokens)
                if spent == Spent():
                    return
                self._spent += spent
            case _:
                return
        self._tell(self.news("progress"))

    def news(self, kind: Kind, **more: Any) -> News:
        """Return what there is to tell."""
        share = max(self._round - 1, 0) / self._rounds
        # A run that goes on happens again first; what it had cost before does not come back meanwhile.
        cost, before = self._spent.cost_usd, self._before.cost_usd
        known = None if cost is None or before is None else max(cost, before)
        return News(self._run, kind, share, known, max(self._spent.tokens, self._before.tokens), **more)


def _no_room(error: BaseException) -> bool:
    """Whether something could not be written, by what an error says or what stands behind it."""
    for each in _behind(error):
        if isinstance(each, OSError) and each.errno in _FULL:
            return True
        if isinstance(each, sqlite3.OperationalError) and any(sign in str(each) for sign in _SQLITE_FULL):
            return True
    return False


def _behind(error: BaseException) -> Iterator[BaseException]:
    yield error
    causes = [error.__cause__, error.__context__, *(error.exceptions if isinstance(error, BaseExceptionGroup) else ())]
    for cause in causes:
        if cause is not None:
            yield from _behind(cause)
