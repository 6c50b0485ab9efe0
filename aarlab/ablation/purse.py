"""Money that the runs of an ablation share, whichever process does them.

Before each call of a base model the most that it can take is set aside here, in one step for all processes, so that
they cannot spend the same dollar twice. What has been spent is told by the run files and copied from there when the
work begins: the purse is no second set of books, and may be deleted while nobody is at work.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aarlab.graph.budget import Amount, PurseEmpty

_AGAIN_S = 0.05
"""Seconds until a call for which there was no room looks again."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What model calls came to."""

    cost_usd: float | None = 0.0
    """None: the price of a call is not known."""
    tokens: int = 0
    """In and out."""

    def __add__(self, other: "Spent") -> "Spent":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Spent((self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None, self.tokens + other.tokens)


@dataclass(frozen=True, slots=True)
class Terms:
    """Where an ablation's purse is, and what is in it to begin with."""

    path: str
    usd: float | None
    """None: no limit."""
    tokens: int | None
    """None: no limit."""


class SharedPurse:
    """What one run takes from the purse."""

    def __init__(self, terms: Terms, run: str) -> None:
        """Take on behalf of a run, given its id."""
        self._terms, self._run = terms, run

    async def hold(self, most: Amount) -> None:
        """Set aside the most that a call can take, as soon as there is room for it.

        Raises:
            PurseEmpty: There is no room, and none will become free.
        """
        while (answer := self._hold(most)) == "later":
            # What is under way elsewhere mostly takes less than was set aside for it.
            await asyncio.sleep(_AGAIN_S)
        if answer == "never":
            raise PurseEmpty(self._told(most))

    def settle(self, most: Amount, spent: Amount) -> None:
        """Put down what a call took in the place of what was set aside for it."""
        with _opened(self._terms.path) as purse:
            purse.execute(
                "UPDATE purse SET usd = usd + ?, tokens = tokens + ?, held_usd = held_usd - ?, "
                "held_tokens = held_tokens - ? WHERE run = ?",
                (spent.usd, spent.tokens, most.usd, most.tokens, self._run),
            )

    def would_refuse(self, most: Amount) -> bool:
        """Tell whether there would be no room for a call for all that it can take, even if nothing else were held."""
        with _opened(self._terms.path) as purse:
            spent, _ = _sums(purse)
        return not self._fits(spent + most)

    def _hold(self, most: Amount) -> Literal["now", "later", "never"]:
        with _opened(self._terms.path) as purse:
            spent, held = _sums(purse)
            if not self._fits(spent + most):
                return "never"
            if not self._fits(spent + held + most):
                return "later"
            purse.execute(
                "UPDATE purse SET held_usd = held_usd + ?, held_tokens = held_tokens + ? WHERE run = ?",
                (most.usd, most.tokens, self._run),
            )
            return "now"

    def _fits(self, amount: Amount) -> bool:
        usd, tokens = self._terms.usd, self._terms.tokens
        return (usd is None or amount.usd <= usd + 1e-9) and (tokens is None or amount.tokens <= tokens)

    def _told(self, most: Amount) -> str:
        with _opened(self._terms.path) as purse:
            spent, _ = _sums(purse)
        usd, tokens = self._terms.usd, self._terms.tokens
        if usd is not None and spent.usd + most.usd > usd + 1e-9:
            if spent.usd >= usd:
                return f"budget_usd is used up: ${spent.usd:.2f} of ${usd:.2f}"
            return f"budget_usd is used up: ${spent.usd:.4f} of ${usd:.2f}, and the next call can take ${most.usd:.4f}"
        told = f"budget_tokens is used up: {spent.tokens:,} of {tokens:,} tokens"
        return f"{told}, and the next call can take {most.tokens:,}"


def fill(terms: Terms, mine: Mapping[str, Spent], others: Mapping[str, Spent]) -> None:
    """Put down what runs have cost by their files.

    Args:
        terms: The purse; made if it is not there.
        mine: By run, of those that this process is going to do: nothing is held for them.
        others: By run, of those that others may be at work on, who know better.
    """
    with _opened(terms.path) as purse:
        rows = "(run, usd, tokens, held_usd, held_tokens) VALUES (?, ?, ?, 0.0, 0)"
        purse.executemany(f"INSERT OR REPLACE INTO purse {rows}", _rows(mine))
        purse.executemany(f"INSERT OR IGNORE INTO purse {rows}", _rows(others))


def let_go(terms: Terms, run: str) -> None:
    """Hold nothing for a run any more: its process is gone, and with it the calls that were under way."""
    with _opened(terms.path) as purse:
        purse.execute("UPDATE purse SET held_usd = 0.0, held_tokens = 0 WHERE run = ?", (run,))


def _rows(spent: Mapping[str, Spent]) -> Iterable[tuple[str, float, int]]:
    return [(run, one.cost_usd or 0.0, one.tokens) for run, one in spent.items()]


def _sums(purse: sqlite3.Connection) -> tuple[Amount, Amount]:
    """Return what has been spent, and what is held, by all runs."""
    query = "SELECT sum(usd), sum(tokens), sum(held_usd), sum(held_tokens) FROM purse"
    usd, tokens, held_usd, held_tokens = purse.execute(query).fetchone()
    return Amount(usd or 0.0, tokens or 0), Amount(held_usd or 0.0, held_tokens or 0)


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open the purse for one step that nobody else sees half done."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=60.0, isolation_level=None)) as purse:
        # What it holds stands in the run files too: it has to survive a process, not a machine.
        purse.execute("PRAGMA synchronous = OFF")
        purse.execute("BEGIN IMMEDIATE")
        purse.execute(
            "CREATE TABLE IF NOT EXISTS purse "
            "(run TEXT PRIMARY KEY, usd REAL, tokens INTEGER, held_usd REAL, held_tokens INTEGER)"
        )
        yield purse
        purse.execute("COMMIT")
