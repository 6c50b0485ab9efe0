"""Dollars and tokens that model calls used."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aarlab.memory.schema import connect_read_only


@dataclass(frozen=True, slots=True)
class Spending:
    """Usage of model calls."""

    cost_usd: float | None = 0.0
    """US dollars; None: the price of a call is unknown."""
    tokens: int = 0
    """Input and output tokens."""

    def __add__(self, other: "Spending") -> "Spending":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Spending((self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None, self.tokens + other.tokens)

    def at_least(self, earlier: "Spending") -> "Spending":
        """Return the larger value of each field; an unknown cost stays unknown."""
        known = self.cost_usd is not None and earlier.cost_usd is not None
        cost = max(self.cost_usd or 0.0, earlier.cost_usd or 0.0) if known else None
        return Spending(cost, max(self.tokens, earlier.tokens))


def spending_in(path: Path) -> Spending:
    """Return the usage of all model calls in a run file, which may be unfinished. Other files count as zero."""
    columns = "cost_usd, coalesce(input_tokens, 0) + coalesce(output_tokens, 0) AS tokens"
    calls = f"SELECT {columns} FROM model_calls UNION ALL SELECT {columns} FROM failed_model_calls"
    query = f"SELECT sum(cost_usd), count(*) - count(cost_usd), sum(tokens) FROM ({calls})"
    try:
        with closing(connect_read_only(path)) as connection:
            cost, unknown, tokens = connection.execute(query).fetchone()
    except sqlite3.Error:
        # The process was killed before it created the tables, or this is not a run file: no model was called.
        return Spending()
    return Spending(None if unknown else cost or 0.0, tokens or 0)
