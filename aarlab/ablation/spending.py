"""Dollars and tokens that model calls used."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aarlab.memory.events import FailedModelCall, ModelCall
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import connect_read_only


@dataclass(frozen=True, slots=True)
class Spending:
    """Usage of model calls."""

    cost_usd: float | None = 0.0
    """US dollars; None: the price of a call is unknown, or the file cannot be read."""
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
    """Return the usage of all model calls in a run file, which may be unfinished.

    The cost of a file that cannot be read is unknown. A file without tables counts as zero: no model was called.
    """
    try:
        if _has_no_tables(path):
            return Spending()
        with RunReader.open(path) as file:
            calls = [entry.event for entry in file.entries(ModelCall, FailedModelCall)]
    except (sqlite3.Error, SchemaError, OSError):
        return Spending(None)
    costs = [call.cost_usd for call in calls]
    known = [cost for cost in costs if cost is not None]
    return Spending(sum(known) if len(known) == len(costs) else None, sum(call.known_tokens for call in calls))


def _has_no_tables(path: Path) -> bool:
    with closing(connect_read_only(path)) as connection:
        return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))
