"""The budget that all runs of an ablation share, in an SQLite file.

Before each model call, its maximum cost is reserved in one transaction across all processes, so that two calls cannot
spend the same dollar. The run files remain the record of spending: the budget is initialised from them when execution
starts, and the file can be deleted while no run executes.

A run that reserves holds a lock beside the budget. If its process is killed, another process that waits for the budget
finds the lock free and releases what the dead process had reserved.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aarlab.ablation.spending import Spending
from aarlab.config.errors import ConfigError, Fault
from aarlab.graph.calls.budget import Amount, SharedBudgetExhausted
from aarlab.memory.file_lock import FileLock, FileLocked
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.schema import require_own_journal

_RETRY_S = 0.05
"""Seconds between two attempts to reserve the amount of a call."""
_RETRIES_PER_SEARCH = 20
"""Attempts to reserve after which dead processes are searched for."""
_LOCK_TIMEOUT_S = 10.0
"""Seconds that a run waits for its lock, which a search for dead processes holds for a moment."""


@dataclass(frozen=True, slots=True)
class SharedBudgetSpec:
    """File and limits of a shared budget."""

    path: str
    usd: float | None
    """None: no limit."""
    tokens: int | None
    """None: no limit."""


class SqliteSharedBudget:
    """The shared budget as one run uses it."""

    def __init__(self, spec: SharedBudgetSpec, run: str) -> None:
        """Open the budget for the run with the id `run`. Close it after the run."""
        self._spec, self._run = spec, run
        self._lock: FileLock | None = None

    def close(self) -> None:
        """Release the lock of the run, if it has reserved anything."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def reserve(self, max_amount: Amount) -> None:
        """Reserve the maximum amount of a call; wait until it is available.

        Raises:
            SharedBudgetExhausted: The call exceeds the limit even if every other reservation is released.
            FileLocked: Another process executes the same run.
        """
        if self._lock is None:
            self._lock = await _lock_when_free(_lock_path(self._spec, self._run))
        n_attempts = 0
        while (outcome := self._try_reserve(max_amount)) == "later":
            # Other open calls usually spend less than they reserved.
            await asyncio.sleep(_RETRY_S)
            n_attempts += 1
            if n_attempts % _RETRIES_PER_SEARCH == 0:
                _release_of_dead_processes(self._spec)
        if outcome == "never":
            raise SharedBudgetExhausted(self._exhausted_text(max_amount))

    def commit(self, max_amount: Amount, spent: Amount) -> None:
        """Replace a reservation with the amount that the call spent."""
        with _opened(self._spec.path) as connection:
            connection.execute(
                "UPDATE budget SET usd = usd + ?, tokens = tokens + ?, reserved_usd = reserved_usd - ?, "
                "reserved_tokens = reserved_tokens - ? WHERE run = ?",
                (spent.usd, spent.tokens, max_amount.usd, max_amount.tokens, self._run),
            )

    def would_refuse(self, max_amount: Amount) -> bool:
        """Return whether a call exceeds the limit even without any other reservation."""
        with _opened(self._spec.path) as connection:
            spent, _ = _totals(connection)
        return not self._fits(spent + max_amount)

    def _try_reserve(self, max_amount: Amount) -> Literal["now", "later", "never"]:
        with _opened(self._spec.path) as connection:
            spent, reserved = _totals(connection)
            if not self._fits(spent + max_amount):
                return "never"
            if not self._fits(spent + reserved + max_amount):
                return "later"
            connection.execute(
                "UPDATE budget SET reserved_usd = reserved_usd + ?, reserved_tokens = reserved_tokens + ? "
                "WHERE run = ?",
                (max_amount.usd, max_amount.tokens, self._run),
            )
            return "now"

    def _fits(self, amount: Amount) -> bool:
        usd, tokens = self._spec.usd, self._spec.tokens
        return (usd is None or amount.usd <= usd + 1e-9) and (tokens is None or amount.tokens <= tokens)

    def _exhausted_text(self, max_amount: Amount) -> str:
        with _opened(self._spec.path) as connection:
            spent, _ = _totals(connection)
        usd, tokens = self._spec.usd, self._spec.tokens
        if usd is not None and spent.usd + max_amount.usd > usd + 1e-9:
            if spent.usd >= usd:
                return f"budget_usd is exhausted: ${spent.usd:.2f} of ${usd:.2f}"
            text = f"budget_usd is exhausted: ${spent.usd:.4f} of ${usd:.2f}"
            return f"{text}, and the next call can take ${max_amount.usd:.4f}"
        text = f"budget_tokens is exhausted: {spent.tokens:,} of {tokens:,} tokens"
        return f"{text}, and the next call can take {max_amount.tokens:,}"


def initialise_budget(spec: SharedBudgetSpec, own: Mapping[str, Spending], others: Mapping[str, Spending]) -> None:
    """Write the spending of runs, as read from their files, to the budget.

    Args:
        spec: The budget; its file is created if it does not exist.
        own: Spending of the runs that this process will execute. Their entries are replaced, without reservations.
        others: Spending of all other runs. Existing entries are kept: other processes may be updating them.

    Raises:
        ConfigError: The file is damaged or not a budget.
    """
    rows = "(run, usd, tokens, reserved_usd, reserved_tokens) VALUES (?, ?, ?, 0.0, 0)"
    try:
        with _opened(spec.path) as connection:
            connection.executemany(f"INSERT OR REPLACE INTO budget {rows}", _rows(own))
            connection.executemany(f"INSERT OR IGNORE INTO budget {rows}", _rows(others))
    except sqlite3.OperationalError:  # such as a full disk
        raise
    except (sqlite3.DatabaseError, SchemaError) as error:
        expected = "a budget. It can be deleted while no process executes the ablation: the run files have its content"
        raise ConfigError([Fault(spec.path, None, str(error), expected, f"rm {spec.path}")]) from None


def release_reservations(spec: SharedBudgetSpec, run: str) -> None:
    """Release all reservations of a run after its process has ended."""
    with _opened(spec.path) as connection:
        connection.execute("UPDATE budget SET reserved_usd = 0.0, reserved_tokens = 0 WHERE run = ?", (run,))


async def _lock_when_free(path: Path) -> FileLock:
    """Return the lock of a run. Raises FileLocked after a timeout."""
    path.parent.mkdir(exist_ok=True)
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            return FileLock.acquire(path)
        except FileLocked:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_RETRY_S)


def _release_of_dead_processes(spec: SharedBudgetSpec) -> None:
    """Release the reservations of runs whose process has ended."""
    with _opened(spec.path) as connection:
        query = "SELECT run FROM budget WHERE reserved_usd > 0 OR reserved_tokens > 0"
        runs = [run for (run,) in connection.execute(query)]
    for run in runs:
        # While this process has the lock, no new process of the run can reserve.
        with suppress(FileLocked), FileLock.acquire(_lock_path(spec, run)):
            release_reservations(spec, run)


def _lock_path(spec: SharedBudgetSpec, run: str) -> Path:
    return Path(spec.path).with_suffix("") / run


def _rows(by_run: Mapping[str, Spending]) -> Iterable[tuple[str, float, int]]:
    return [(run, spent.cost_usd or 0.0, spent.tokens) for run, spent in by_run.items()]


def _totals(connection: sqlite3.Connection) -> tuple[Amount, Amount]:
    """Return the spent and the reserved amount of all runs."""
    query = "SELECT sum(usd), sum(tokens), sum(reserved_usd), sum(reserved_tokens) FROM budget"
    usd, tokens, reserved_usd, reserved_tokens = connection.execute(query).fetchone()
    return Amount(usd or 0.0, tokens or 0), Amount(reserved_usd or 0.0, reserved_tokens or 0)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open the budget for one transaction."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    require_own_journal(Path(path))
    with closing(sqlite3.connect(path, timeout=60.0, isolation_level=None)) as connection:
        # The run files contain the same data, so the file need not survive a crash of the machine.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS budget "
            "(run TEXT PRIMARY KEY, usd REAL, tokens INTEGER, reserved_usd REAL, reserved_tokens INTEGER)"
        )
        yield connection
        connection.execute("COMMIT")
