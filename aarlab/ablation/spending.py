"""Dollars and tokens that model calls used."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aarlab.memory.events import FailedModelCall, ModelCall
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
    """Return the usage of all model calls in a run file, which may be unfinished. Other files count as zero.

    Raises:
        SchemaError: The journal beside the file is not one of aarlab.
    """
    # The views of the events call functions, which the schema of a file that is only read may not.
    tokens = " + ".join(f"coalesce(json_extract(data, '$.{name}_tokens'), 0)" for name in ("input", "output"))
    columns = f"json_extract(data, '$.cost_usd') AS cost_usd, {tokens} AS tokens"
    calls = f"SELECT {columns} FROM events WHERE kind IN ('{ModelCall.kind}', '{FailedModelCall.kind}')"
    query = f"SELECT sum(cost_usd), count(*) - count(cost_usd), sum(tokens) FROM ({calls})"
    try:
        with closing(connect_read_only(path)) as connection:
            cost, unknown, tokens = connection.execute(query).fetchone()
    except sqlite3.Error:
        # The process was killed before it created the tables, or this is not a run file: no model was called.
        return Spending()
    return Spending(None if unknown else cost or 0.0, tokens or 0)
