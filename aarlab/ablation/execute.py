"""The work on an ablation: which run is next, what becomes of those that fail, and when it is over."""

import sqlite3
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from aarlab.ablation.books import Books
from aarlab.ablation.folder import Folder, spent_in
from aarlab.ablation.plan import PlannedRun
from aarlab.ablation.purse import Terms, let_go
from aarlab.ablation.work import News, Task
from aarlab.ablation.workers import Workers
from aarlab.tools.sandbox import Mode

_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How the work on an ablation ended."""

    status: Literal["done", "failed", "stopped"]
    """`done` also where single runs failed for good."""
    why: str | None = None


class Watcher(Protocol):
    """Somebody who wants to know how it goes on."""

    def begun(self, run: PlannedRun, *, goes_on: bool) -> None:
        """Take in that a run has begun; `goes_on`: where it was broken off."""

    def told(self, run: PlannedRun, news: News, *, again: bool) -> None:
        """Take in what is new about a run; `again`: it failed and will be tried again."""


def execute(
    runs: Sequence[PlannedRun],
    folder: Folder,
    workers: Workers,
    books: Books,
    watcher: Watcher,
    *,
    retries: int,
    sandbox: Mode,
    cache: bool,
) -> Ending:
    """Do all of the runs, and return how that ended; whatever the ending, nobody is at work any more.

    What is not finished then goes on the next time where it was broken off.
    """
    waiting = deque(runs)
    at_work: dict[str, tuple[PlannedRun, News]] = {}
    empty: str | None = None
    terms = books.terms()
    books.fill_purse(runs)
    failures: Counter[str] = Counter()
    try:
        # Where a call did not fit, others that are under way may; but nothing new is begun.
        while at_work or (waiting and empty is None):
            if (why := books.over({stem: news for stem, (_, news) in at_work.items()})) is not None:
                return Ending("stopped", why)
            while waiting and workers.free() and empty is None:
                run = waiting.popleft()
                try:
                    goes_on = folder.begin(run)
                    spent = spent_in(folder.draft(run)) if goes_on else (0.0, 0)
                except (OSError, sqlite3.Error) as error:
                    return Ending("failed", f"{folder.root} cannot be written to: {error}")
                workers.begin(_task(run, folder, sandbox, terms, cache=cache))
                at_work[run.stem] = (run, News(run.stem, "progress", cost_usd=spent[0], tokens=spent[1]))
                watcher.begun(run, goes_on=goes_on)
            for news in workers.news(_PATIENCE_S):
                run = at_work[news.run][0]
                if news.kind == "progress":
                    at_work[news.run] = (run, news)
                else:
                    del at_work[news.run]
                    books.look_again()
                    if terms is not None:
                        let_go(terms, run.stem)
                failures[run.stem] += news.kind == "failed"
                again = news.kind == "failed" and failures[run.stem] <= retries
                watcher.told(run, news, again=again)
                if news.kind == "no room":
                    return Ending("failed", f"{folder.root} cannot be written to: {news.error}")
                if news.kind == "no money":
                    empty = news.error
                if again:
                    waiting.append(run)
                elif news.kind == "failed":
                    folder.failed(run, news.error or "")
        return Ending("done") if empty is None else Ending("stopped", empty)
    finally:
        workers.close()


def _task(run: PlannedRun, folder: Folder, sandbox: Mode, terms: Terms | None, *, cache: bool) -> Task:
    scenario = run.scenario.model_dump(mode="json")
    draft, target = folder.draft(run).resolve(), folder.finished(run).resolve()
    purse = None if terms is None else asdict(terms)
    past = None if run.past is None else str(folder.past.resolve())
    at = 0 if run.past is None else run.past.at
    return Task(run.stem, scenario, str(draft), str(target), sandbox, cache, purse, past, at)
