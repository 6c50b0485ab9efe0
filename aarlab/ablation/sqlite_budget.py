"""Money that the runs of an ablation share, whichever process does them.

Before each call of a base model the most that it can take is set aside here, in one step for all processes, so that
they cannot spend the same dollar twice. What has been spent is told by the run files and copied from there when the
work begins: the budget is no second set of books, and may be deleted while nobody is at work.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aarlab.graph.calls.budget import Amount, SharedBudgetExhausted

_RETRY_S = 0.05
"""Seconds until a call for which there was no room looks again."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What model calls came to."""

    cost_usd: float | None = 0.0
    """None: the price of a call is not known."""
    tokens: int = 0
    """In and out."""

    def __add__(self, other: "Spending") -> "Spending":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Spending((self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class SharedBudgetSpec:
    """Where an ablation's budget is, and what is in it to begin with."""

    path: str
    usd: float | None
    """None: no limit."""
    tokens: int | None
    """None: no limit."""


class SqliteSharedBudget:
    """What one run takes from the budget."""

    def __init__(self, budget_spec: SharedBudgetSpec, run: str) -> None:
        """Take on behalf of a run, given its id."""
        self._spec, self._run = budget_spec, run

    async def reserve(self, upper_bound: Amount) -> None:
        """Set aside the most that a call can take, as soon as there is room for it.

        Raises:
            PurseEmpty: There is no room, and none will become free.
        """
        while (answer := self._try_reserve(upper_bound)) == "later":
            # What is under way elsewhere mostly takes less than was set aside for it.
            await asyncio.sleep(_RETRY_S)
        if answer == "never":
            raise SharedBudgetExhausted(self._exhausted_text(upper_bound))

    def commit(self, upper_bound: Amount, spent: Amount) -> None:
        """Put down what a call took in the place of what was set aside for it."""
        with _opened(self._spec.path) as connection:
            connection.execute(
                "UPDATE budget SET usd = usd + ?, tokens = tokens + ?, reserved_usd = reserved_usd - ?, "
                "reserved_tokens = reserved_tokens - ? WHERE run = ?",
                (spent.usd, spent.tokens, upper_bound.usd, upper_bound.tokens, self._run),
            )

    def would_refuse(self, upper_bound: Amount) -> bool:
        """Tell whether there would be no room for a call for all that it can take, even if nothing else were held."""
        with _opened(self._spec.path) as connection:
            spent, _ = _totals(connection)
        return not self._fits(spent + upper_bound)

    def _try_reserve(self, upper_bound: Amount) -> Literal["now", "later", "never"]:
        with _opened(self._spec.path) as connection:
            spent, reserved = _totals(connection)
            if not self._fits(spent + upper_bound):
                return "never"
            if not self._fits(spent + reserved + upper_bound):
                return "later"
            connection.execute(
                "UPDATE budget SET reserved_usd = reserved_usd + ?, reserved_tokens = reserved_tokens + ? WHERE run = ?",
                (upper_bound.usd, upper_bound.tokens, self._run),
            )
            return "now"

    def _fits(self, amount: Amount) -> bool:
        usd, tokens = self._spec.usd, self._spec.tokens
        return (usd is None or amount.usd <= usd + 1e-9) and (tokens is None or amount.tokens <= tokens)

    def _exhausted_text(self, upper_bound: Amount) -> str:
        with _opened(self._spec.path) as connection:
            spent, _ = _totals(connection)
        usd, tokens = self._spec.usd, self._spec.tokens
        if usd is not None and spent.usd + upper_bound.usd > usd + 1e-9:
            if spent.usd >= usd:
                return f"budget_usd is exhausted: ${spent.usd:.2f} of ${usd:.2f}"
            return f"budget_usd is exhausted: ${spent.usd:.4f} of ${usd:.2f}, and the next call can take ${upper_bound.usd:.4f}"
        text = f"budget_tokens is exhausted: {spent.tokens:,} of {tokens:,} tokens"
        return f"{text}, and the next call can take {upper_bound.tokens:,}"


def initialise_budget(
    budget_spec: SharedBudgetSpec, mine: Mapping[str, Spending], others: Mapping[str, Spending]
) -> None:
    """Put down what runs have cost by their files.

    Args:
        terms: The budget; made if it is not there.
        mine: By run, of those that this process is going to do: nothing is held for them.
        others: By run, of those that others may be at work on, who know better.
    """
    with _opened(budget_spec.path) as connection:
        rows = "(run, usd, tokens, reserved_usd, reserved_tokens) VALUES (?, ?, ?, 0.0, 0)"
        connection.executemany(f"INSERT OR REPLACE INTO budget {rows}", _rows(mine))
        connection.executemany(f"INSERT OR IGNORE INTO budget {rows}", _rows(others))


def release_reservations(budget_spec: SharedBudgetSpec, run: str) -> None:
    """Hold nothing for a run any more: its process is gone, and with it the calls that were under way."""
    with _opened(budget_spec.path) as connection:
        connection.execute("UPDATE budget SET reserved_usd = 0.0, reserved_tokens = 0 WHERE run = ?", (run,))


def _rows(spent: Mapping[str, Spending]) -> Iterable[tuple[str, float, int]]:
    return [(run, one.cost_usd or 0.0, one.tokens) for run, one in spent.items()]


def _totals(connection: sqlite3.Connection) -> tuple[Amount, Amount]:
    """Return what has been spent, and what is held, by all runs."""
    query = "SELECT sum(usd), sum(tokens), sum(reserved_usd), sum(reserved_tokens) FROM budget"
    usd, tokens, reserved_usd, reserved_tokens = connection.execute(query).fetchone()
    return Amount(usd or 0.0, tokens or 0), Amount(reserved_usd or 0.0, reserved_tokens or 0)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open the budget for one step that nobody else sees half done."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=60.0, isolation_level=None)) as connection:
        # What it holds stands in the run files too: it has to survive a process, not a machine.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS budget "
            "(run TEXT PRIMARY KEY, usd REAL, tokens INTEGER, reserved_usd REAL, reserved_tokens INTEGER)"
        )
        yield connection
        connection.execute("COMMIT")
