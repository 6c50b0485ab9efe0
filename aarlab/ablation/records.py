"""An ablation's runs as plain records, read from its folder."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import Ablation, PlannedRun
from aarlab.graph.run.measure_registry import measures_in, value_at
from aarlab.memory.measures import autonomy_by_round, entropy, frontier
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

if TYPE_CHECKING:
    import pandas

Curve = tuple[tuple[float, float], ...]
"""Points (cumulative team hours, value), in order."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One planned run of an ablation and what came of it, as its run file tells."""

    arm: str
    seed: int
    key: str
    """Hash of the resolved scenario and seed; names the file."""
    path: Path
    """Its file: where it is, or where it will be."""
    status: Literal["done", "stopped", "failed", "missing"]
    """`done`: scored, whether or not a limit of its own ended it early. `stopped`: begun and not finished, which one
    that is at work now looks like, too.
    """
    error: str | None
    """Why it failed, or why its file cannot be read."""
    scenario: Mapping[str, Any]
    """Resolved."""
    summary: Mapping[str, Any]
    """What `aarlab run --json` prints; empty unless the run is done."""
    frontier: Curve
    """Best development PGR so far, at each improvement."""
    entropy: Curve
    """Bits of entropy over method families, at the end of each round that counts."""
    autonomy: Curve
    """Realised autonomy, in [0, 1], round by round."""


@dataclass(frozen=True, slots=True)
class Results:
    """An ablation with its records, arms in the order of the file, seeds ascending."""

    ablation: Ablation
    folder: Path | None
    records: tuple[RunRecord, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat row for each run: arm, seed, status, digest, every measure, and its file.

        A measure is None where there was nothing to measure.
        """
        measures = measures_in(record.summary for record in self.records)
        return [
            {
                "arm": record.arm,
                "seed": record.seed,
                "status": record.status,
                "digest": record.summary.get("digest"),
                **{measure.path: value_at(record.summary, measure.path) for measure in measures},
                "file": str(record.path),
            }
            for record in self.records
        ]

    def frame(self) -> "pandas.DataFrame":
        """Return the rows as a frame. Raises ImportError where there is no pandas."""
        import pandas

        return pandas.DataFrame(self.rows())


def open_ablation(folder: str | Path) -> Results:
    """Return what is in an ablation's folder, whether it is finished or not.

    Raises:
        ConfigError: There is no readable `ablation.yaml` in it.
    """
    place = AblationFolder(Path(folder))
    plan = load_ablation(place.file)
    place_of = {arm.name: i for i, arm in enumerate(plan.arms)}
    runs = sorted(plan.runs, key=lambda run: place_of[run.arm])
    return Results(plan.ablation, place.root, tuple(record_of(run, place) for run in runs))


def record_of(run: PlannedRun, place: AblationFolder) -> RunRecord:
    """Return what came of a planned run."""
    path = place.finished_path(run)
    if path.exists():
        try:
            return _record_of_finished(run, path)
        except (SchemaError, sqlite3.DatabaseError, OSError, KeyError, TypeError, ValueError) as error:
            return _record_without_result(run, path, "failed", f"its file cannot be read: {error}")
    error_told, draft = place.error_of(run), place.draft(run)
    if error_told is not None:
        return _record_without_result(run, draft, "failed", error_told)
    if draft.exists():
        return _record_without_result(run, draft, "stopped", None)
    return _record_without_result(run, path, "missing", None)


def _record_of_finished(run: PlannedRun, path: Path) -> RunRecord:
    with RunReader.open(path) as file:
        info = file.info()
        if info.status not in ("done", "stopped") or info.summary is None:
            raise ValueError(f"it says that the run is {info.status}")
        best_curve, bits, share = curves_in(file)
        return RunRecord(
            arm=run.arm,
            seed=run.seed,
            key=run.key,
            path=path,
            status="done",
            error=None,
            scenario=run.scenario.model_dump(mode="json"),
            # The file may have been moved since.
            summary={**info.summary, "file": str(path.resolve())},
            frontier=best_curve,
            entropy=bits,
            autonomy=share,
        )


def curves_in(file: RunReader) -> tuple[Curve, Curve, Curve]:
    """Return the frontier, the entropy and the autonomy of a record."""
    scenario = file.info().scenario
    budget, team = scenario["budget"], scenario["team"]["researchers"]

    def hours(round_: int) -> float:
        return float(team * min(round_ * budget["round_hours"], budget["hours"]))

    diversity = entropy(file)
    return (
        tuple(frontier(file)),
        tuple((hours(each.round), each.bits) for each in diversity.rounds) if diversity else (),
        tuple((hours(round_), share) for round_, share in autonomy_by_round(file).items()),
    )


def _record_without_result(
    run: PlannedRun, path: Path, status: Literal["stopped", "failed", "missing"], error: str | None
) -> RunRecord:
    scenario = run.scenario.model_dump(mode="json")
    return RunRecord(run.arm, run.seed, run.key, path, status, error, scenario, {}, (), (), ())
