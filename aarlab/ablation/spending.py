"""Dollars and tokens that model calls used."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aarlab.graph.run.spending_measures import known_total
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
        return Spending(known_total([self.cost_usd, other.cost_usd]), self.tokens + other.tokens)

    def at_least(self, earlier: "Spending") -> "Spending":
        """Return the larger value of each field; an unknown cost stays unknown."""
        known = self.cost_usd is not None and earlier.cost_usd is not None
        cost = max(self.cost_usd or 0.0, earlier.cost_usd or 0.0) if known else None
        return Spending(cost, max(self.tokens, earlier.tokens))


def spending_in(path: Path) -> Spending:
    """Return the usage of all model calls in a run file, which may be unfinished.

    The cost of a file that cannot be read is unknown. A file without tables counts as zero: no model was called. So
    does a file that is not there: another process may have moved it to where its spending is counted.
    """
    try:
        if _has_no_tables(path):
            return Spending()
        with RunReader.open(path) as file:
            calls = [entry.event for entry in file.entries(ModelCall, FailedModelCall)]
    except (sqlite3.Error, SchemaError, OSError):
        return Spending(None) if path.exists() else Spending()
    return sum((Spending(call.cost_usd, call.known_tokens) for call in calls), Spending())


def _has_no_tables(path: Path) -> bool:
    with closing(connect_read_only(path)) as connection:
        return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))
