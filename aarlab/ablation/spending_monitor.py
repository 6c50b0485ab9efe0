"""The limits `budget_usd` and `budget_tokens` of an ablation, checked against its run files."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import Ablation, PlannedRun
from aarlab.ablation.run_task import RunProgress
from aarlab.ablation.spending import Spending, spending_in
from aarlab.ablation.sqlite_budget import SharedBudgetSpec, initialise_budget

_SCAN_INTERVAL_S = 5.0
"""Seconds between two scans of the run files for the spending of other processes."""


class SpendingMonitor:
    """Sums the spending in all run files, including failed and interrupted attempts and runs of other processes.

    The run files are the only record of spending, so a killed process loses none. While runs execute, a shared budget
    prevents two calls from spending the same dollar.
    """

    def __init__(self, ablation: Ablation, runs: Sequence[PlannedRun], folder: AblationFolder) -> None:
        self._ablation = ablation
        self._runs = runs
        self._folder = folder
        self._by_file: dict[tuple[Path, int, int], Spending] = {}
        """By path, modification time and size."""
        self._scanned_at = float("-inf")
        self._in_files = Spending()

    def budget_spec(self) -> SharedBudgetSpec | None:
        """Return the budget that all runs share; None without a limit."""
        usd, tokens = self._ablation.budget_usd, self._ablation.budget_tokens
        if usd is None and tokens is None:
            return None
        return SharedBudgetSpec(str(self._folder.shared_budget.resolve()), usd, tokens)

    def initialise_shared_budget(self, own_runs: Sequence[PlannedRun]) -> None:
        """Write the spending of all runs to the shared budget; this process will execute `own_runs`."""
        budget_spec = self.budget_spec()
        if budget_spec is not None:
            others = {run.stem: self._total(self._files(run, active=False)) for run in self._runs}
            own = {run.stem: others.pop(run.stem) for run in own_runs}
            initialise_budget(budget_spec, own, others)

    def invalidate(self) -> None:
        """Scan the run files at the next check even if the last scan is recent."""
        self._scanned_at = float("-inf")

    def exceeded_limit(self, active: Mapping[str, RunProgress]) -> str | None:
        """Return a sentence about the limit that has been reached; None if no limit has been reached.

        Args:
            active: The last progress of each run that this process executes, by stem.
        """
        limit_usd, limit_tokens = self._ablation.budget_usd, self._ablation.budget_tokens
        if limit_usd is None and limit_tokens is None:
            return None
        spent = self.spent(active)
        if limit_usd is not None and spent.cost_usd is None:
            if damaged := self._unreadable():
                return (
                    f"budget_usd cannot be enforced: what {damaged} has spent cannot be read. Move it away to ignore it"
                )
            return "budget_usd cannot be enforced: the price of a model call is unknown (use budget_tokens)"
        if limit_usd is not None and spent.cost_usd is not None and spent.cost_usd >= limit_usd:
            return f"budget_usd is exhausted: ${spent.cost_usd:.2f} of ${limit_usd:.2f}"
        if limit_tokens is not None and spent.tokens >= limit_tokens:
            return f"budget_tokens is exhausted: {spent.tokens:,} of {limit_tokens:,} tokens"
        return None

    def _unreadable(self) -> Path | None:
        """Return a run file with unknown spending and no calls, which cannot be read; None if there is none."""
        return next((path for (path, *_), spent in self._by_file.items() if spent == Spending(None)), None)

    def spent(self, active: Mapping[str, RunProgress]) -> Spending:
        """Return the spending of all runs; that of active runs is taken from their last progress."""
        if time.monotonic() - self._scanned_at >= _SCAN_INTERVAL_S:
            self._in_files = self._total(
                path for run in self._runs for path in self._files(run, active=run.stem in active)
            )
            self._scanned_at = time.monotonic()
        return sum((progress.spent for progress in active.values()), self._in_files)

    def _files(self, run: PlannedRun, *, active: bool) -> list[Path]:
        """Return the files of a run, without the one that this process is writing."""
        own = self._folder.draft(run) if active else None
        return [path for path in (self._folder.finished_path(run), *self._folder.attempts(run)) if path != own]

    def _total(self, paths: Iterable[Path]) -> Spending:
        total = Spending()
        for path in paths:
            try:
                status = path.stat()
                wal = path.with_name(f"{path.name}-wal")
                recent = wal.stat().st_mtime_ns if wal.exists() else 0  # an active run writes there first
            except OSError:
                # The file is missing, or another process has just moved it to `runs/`.
                continue
            key = (path, max(recent, status.st_mtime_ns), status.st_size)
            if key not in self._by_file:
                self._by_file[key] = spending_in(path)
            total += self._by_file[key]
        return total
