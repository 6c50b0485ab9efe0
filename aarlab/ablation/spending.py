"""What an ablation has cost, and whether it may go on: one budget for all its runs, whoever does them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aarlab.ablation.ablation_folder import AblationFolder, spending_in
from aarlab.ablation.ablation_plan import Ablation, PlannedRun
from aarlab.ablation.run_task import RunProgress
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, Spending, initialise_budget

_SCAN_INTERVAL_S = 5.0
"""Seconds between two looks at what other processes have spent."""


class SpendingMonitor:
    """Adds up what is in the run files, those of broken-off attempts and of other processes included.

    The run files are the only books there are, so nothing can be forgotten by a process that is killed. While runs are
    at work, a purse sees to it that they do not spend the same dollar twice.
    """

    def __init__(self, ablation: Ablation, runs: Sequence[PlannedRun], folder: AblationFolder) -> None:
        self._ablation = ablation
        self._runs = runs
        self._folder = folder
        self._known: dict[tuple[Path, int, int], Spending] = {}
        self._scanned_at = float("-inf")
        self._in_files = Spending()

    def budget_spec(self) -> SharedBudgetSpec | None:
        """Return how the runs share what may be spent; None where there is no limit."""
        usd, tokens = self._ablation.budget_usd, self._ablation.budget_tokens
        return (
            None
            if usd is None and tokens is None
            else SharedBudgetSpec(str(self._folder.shared_budget.resolve()), usd, tokens)
        )

    def initialise_shared_budget(self, mine: Sequence[PlannedRun]) -> None:
        """Put into the purse what all runs have cost; this process is going to do `mine`."""
        budget_spec = self.budget_spec()
        if budget_spec is not None:
            cost = {run.stem: self._total(self._files(run, active=False)) for run in self._runs}
            own = {run.stem: cost.pop(run.stem) for run in mine}
            initialise_budget(budget_spec, own, cost)

    def invalidate(self) -> None:
        """Look at the files the next time, however short ago they were looked at."""
        self._scanned_at = float("-inf")

    def exceeded_limit(self, active: Mapping[str, RunProgress]) -> str | None:
        """Return which limit has been reached, in a sentence; None if the work may go on.

        Args:
            at_work: The last news of each run that is at work in this process.
        """
        limit_usd, limit_tokens = self._ablation.budget_usd, self._ablation.budget_tokens
        if limit_usd is None and limit_tokens is None:
            return None
        spent = self.spent(active)
        if limit_usd is not None and spent.cost_usd is None:
            return "budget_usd cannot be enforced: the price of a model call is not known (budget_tokens can)"
        if limit_usd is not None and spent.cost_usd is not None and spent.cost_usd >= limit_usd:
            return f"budget_usd is exhausted: ${spent.cost_usd:.2f} of ${limit_usd:.2f}"
        if limit_tokens is not None and spent.tokens >= limit_tokens:
            return f"budget_tokens is exhausted: {spent.tokens:,} of {limit_tokens:,} tokens"
        return None

    def spent(self, active: Mapping[str, RunProgress]) -> Spending:
        """Return what all runs have cost, those at work by their last news."""
        if time.monotonic() - self._scanned_at >= _SCAN_INTERVAL_S:
            self._in_files = self._total(
                path for run in self._runs for path in self._files(run, active=run.stem in active)
            )
            self._scanned_at = time.monotonic()
        return sum((progress.spent for progress in active.values()), self._in_files)

    def _files(self, run: PlannedRun, *, active: bool) -> list[Path]:
        """Return the files of a run, that in which this process is at work excepted."""
        own = self._folder.draft(run) if active else None
        return [path for path in (self._folder.finished_path(run), *self._folder.attempts(run)) if path != own]

    def _total(self, paths: Iterable[Path]) -> Spending:
        total = Spending()
        for path in paths:
            try:
                status = path.stat()
            except OSError:
                # Not there, or moved to its place just now.
                continue
            key = (path, status.st_mtime_ns, status.st_size)
            if key not in self._known:
                self._known[key] = Spending(*spending_in(path))
            total += self._known[key]
        return total
