"""A run as experiment trackers see it: parameters, metrics, curves and tables."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aarlab.ablation.arm_configuration import flattened
from aarlab.export.csv_cells import safe_cell
from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.board import Board
from aarlab.memory.events import Experiment
from aarlab.memory.measures import autonomy_by_round, entropy, frontier, hours_at_round_ends
from aarlab.memory.run_reader import RunReader

_FINDING = ("id", "author", "type", "title", "family", "experiment", "fidelity", "pgr", "se")
_EXPERIMENT = ("id", "fidelity", "pgr", "se", "error")
_UNUSUAL = re.compile(r"[^\w\-. /]")


@dataclass(frozen=True, slots=True)
class TrackedTable:
    """A table of a run."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def csv(self) -> str:
        """Return the table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([self.columns, *([safe_cell(cell) for cell in row] for row in self.rows)])
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run for a tracker. Names have letters, digits and `_-. /` only."""

    run_id: str
    tags: Mapping[str, str]
    parameters: Mapping[str, Any]
    """The scenario by dotted path."""
    metrics: Mapping[str, float]
    """The measures of the summary by path, without unknown ones."""
    curves: Mapping[str, Sequence[tuple[float, float]]]
    """Points (research hours of the team, value) by name."""
    tables: Mapping[str, TrackedTable]

    @classmethod
    def read(cls, file: RunReader) -> "TrackedRun":
        """Read it from an open run file."""
        info, diversity = file.info(), entropy(file)
        summary, hours = info.summary or {}, hours_at_round_ends(file)
        values = {measure.path: value_at(summary, measure.path) for measure in measures_in([summary])}
        curves = {
            "best_development_pgr": frontier(file),
            "entropy_bits_by_round": [(hours[r.round], r.bits) for r in diversity.rounds] if diversity else [],
            "autonomy_by_round": [(hours[round_], share) for round_, share in autonomy_by_round(file).items()],
        }
        tags = {"status": info.status, "digest": summary.get("digest"), "aarlab": info.aarlab_version}
        return cls(
            run_id=info.run_id,
            tags={f"aarlab.{name}": str(value) for name, value in tags.items()},
            parameters=flattened(info.scenario),
            metrics={_UNUSUAL.sub("_", path): value for path, value in values.items() if value is not None},
            curves=curves,
            tables={"findings": _findings(file), "experiments": _experiments(file)},
        )


def _findings(file: RunReader) -> TrackedTable:
    rows = [
        (post.round, post.hours, *(getattr(post.finding, name) for name in _FINDING)) for post in Board(file).posts()
    ]
    return TrackedTable(("round", "hours", *_FINDING), tuple(rows))


def _experiments(file: RunReader) -> TrackedTable:
    rows = [
        (entry.stream, entry.round, entry.hours, *(getattr(entry.event, name) for name in _EXPERIMENT))
        for entry in file.by_research_hours(Experiment)
    ]
    return TrackedTable(("agent", "round", "hours", *_EXPERIMENT), tuple(rows))
